// Which trunk a set of tensors is, from their shapes. D channels of a transformer's token.
import { displayName, SelfsightError } from "../../errors.ts";
import {
  type BackboneName,
  headsOf,
  type PatchStem,
  patchStems,
  type ResNetStem,
  type TransformerName,
} from "../../nn/index.ts";
import type { BackboneDescription } from "../backbone.ts";

/** All that shapes tell; how pictures are normalised they do not. */
export type TrunkShape = Omit<BackboneDescription, "normalization">;

type Shapes = ReadonlyMap<string, readonly number[]>;

/** Side of the pictures that the usual networks with each first layers are trained on. */
const sizeOfStem = { imagenet: 224, small: 32 } as const;

/** By the blocks of each of the four stages, and whether these have two convolutions or three. */
const residualNames: Readonly<Record<string, BackboneName>> = {
  "2,2,2,2 of 2": "resnet18",
  "3,4,6,3 of 2": "resnet34",
  "3,4,6,3 of 3": "resnet50",
};

/** Errors: checkpoint, for a trunk that there is none of here. */
export function residualShape(path: string, shapes: Shapes): TrunkShape {
  const blocks = [1, 2, 3, 4].map((stage) => countBelow(shapes, `layer${stage}.`));
  const plan = `${blocks.join()} of ${shapes.has("layer1.0.conv3.weight") ? 3 : 2}`;
  const backbone = residualNames[plan];
  const stem = stemOf(shapes.get("conv1.weight"));
  if (!backbone)
    throw unknown(path, `a residual network of ${blocks.join(" + ")} blocks`, "resnet18, resnet34 or resnet50");
  if (!stem)
    throw unknown(
      path,
      `a first convolution of [${shapes.get("conv1.weight")?.join(", ")}]`,
      "one of 7 x 7 or 3 x 3 on three channels",
    );
  return { backbone, stem, width: shapes.get("conv1.weight")![0]!, size: sizeOfStem[stem] };
}

function stemOf(shape: readonly number[] | undefined): (ResNetStem & keyof typeof sizeOfStem) | undefined {
  const rest = shape?.slice(1).join();
  if (rest === "3,7,7") return "imagenet";
  return rest === "3,3,3" ? "small" : undefined;
}

/** `heads` where the family is known to have other than 64 channels in each. Errors: checkpoint, as above. */
export function transformerShape(path: string, shapes: Shapes, heads?: number): TrunkShape {
  const patch = shapes.get("patch_embed.proj.weight") ?? [];
  const stem = `patch-${patch[3]}` as PatchStem;
  if (!patchStems.includes(stem) || patch[1] !== 3 || patch[2] !== patch[3])
    throw unknown(
      path,
      `patches of [${patch.join(", ")}]`,
      `sides of ${patchStems.map((name) => name.slice(6)).join(", ")}, three channels`,
    );
  const blocks = countBelow(shapes, "blocks.");
  const features = patch[0]!;
  const backbone = transformerName(heads ?? features / 64);
  if (blocks !== 12 || !backbone || features % headsOf[backbone] !== 0)
    throw unknown(
      path,
      `a transformer of ${blocks} blocks and ${features} channels`,
      "vit-tiny (192), vit-small (384) or vit-base (768), 12 blocks",
    );
  const grid = Math.sqrt((shapes.get("pos_embed")?.[1] ?? 0) - 1);
  if (!Number.isInteger(grid) || grid < 1)
    throw unknown(
      path,
      `positions of [${shapes.get("pos_embed")?.join(", ")}]`,
      "one class token and a square of patches",
    );
  return { backbone, stem, width: features / headsOf[backbone], size: grid * patch[3]! };
}

const transformerName = (heads: number): TransformerName | undefined =>
  (Object.keys(headsOf) as TransformerName[]).find((name) => headsOf[name] === heads);

function countBelow(shapes: Shapes, prefix: string): number {
  const numbers = [...shapes.keys()]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length).split(".")[0]);
  return new Set(numbers).size;
}

const unknown = (path: string, found: string, needed: string) =>
  new SelfsightError(
    "checkpoint",
    `import: ${displayName(path)} has ${found}; ${needed} is needed; use a checkpoint of such a network`,
  );
