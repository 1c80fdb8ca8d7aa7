import { expect, it } from "vitest";
import { SelfsightError } from "../errors.ts";
import { type BackboneOptions, refuseUnfitBackbone, usualStem } from "./backbone.ts";

const fitting: BackboneOptions = {
  backbone: "vit-small",
  stem: "patch-16",
  size: 224,
  width: 64,
  zeroInitResidual: false,
};

it.each([
  [{ backbone: "resnet18" }, /stem patch-16 with resnet18; one of imagenet, small, small-stride-2 is needed/],
  [{ stem: "imagenet" }, /stem imagenet with vit-small; one of patch-4, /],
  [{ size: 100 }, /pictures of 100 pixels with patch-16; a multiple of 16 is needed/],
  [{ size: 8 }, /pictures of 8 pixels/],
  [{ width: 0 }, /width 0; a whole number/],
] as [Partial<BackboneOptions>, RegExp][])("refuses what does not fit: %j", (wrong, message) => {
  const refuse = () => refuseUnfitBackbone({ ...fitting, ...wrong });
  expect(refuse).toThrow(SelfsightError);
  expect(refuse).toThrow(message);
});

it("proposes first layers that suit the size", () => {
  expect([32, 224].map((size) => usualStem("resnet50", size))).toEqual(["small", "imagenet"]);
  expect([32, 96, 224].map((size) => usualStem("vit-tiny", size))).toEqual(["patch-4", "patch-8", "patch-16"]);
  for (const size of [32, 96, 224]) refuseUnfitBackbone({ ...fitting, size, stem: usualStem("vit-tiny", size) });
});
