import { afterEach, describe, expect, it } from "vitest";
import { autocast, liveTensors, manualSeed, noGrad, randn, scope } from "../torch/index.ts";
import { makeBackbone } from "./backbone.ts";
import { freeNetwork, namedParameters, stateOf } from "./module.ts";
import { type PatchStem, positionsFor, type TransformerName, VisionTransformer } from "./transformer.ts";

afterEach(() => expect(liveTensors().live).toBe(0));

const tiny = { stem: "patch-8", size: 32, width: 8 } as const;

function withTransformer<T>(
  options: Partial<ConstructorParameters<typeof VisionTransformer>[1]>,
  look: (network: VisionTransformer) => T,
) {
  manualSeed(0);
  const network = scope(() => new VisionTransformer("vit-tiny", { ...tiny, ...options }));
  const result = look(network);
  freeNetwork(network);
  return result;
}

describe("the vision transformer", () => {
  // timm's counts (vit_*_patch16_224) less the 1000 classes of the head
  it.each([
    ["vit-tiny", "patch-16", 5_717_416 - 193_000],
    ["vit-small", "patch-16", 22_050_664 - 385_000],
    ["vit-base", "patch-32", 88_224_232 - 769_000],
  ] as const)("%s has as many parameters as timm's", (backbone: TransformerName, stem: PatchStem, expected) => {
    const network = makeBackbone({ backbone, stem, size: 224, zeroInitResidual: false });
    const counts = [...namedParameters(network).values()].map(({ numel }) => numel);
    freeNetwork(network);
    expect(counts.reduce((sum, count) => sum + count)).toBe(expected);
  });

  it("names them as timm does, in its order", () => {
    const names = withTransformer({}, (network) => [...stateOf(network).keys()]);
    expect(names.slice(0, 16)).toEqual([
      ...["cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"],
      ...["norm1.weight", "norm1.bias", "attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight", "attn.proj.bias"].map(
        (name) => `blocks.0.${name}`,
      ),
      ...["norm2.weight", "norm2.bias", "mlp.fc1.weight", "mlp.fc1.bias", "mlp.fc2.weight", "mlp.fc2.bias"].map(
        (name) => `blocks.0.${name}`,
      ),
    ]);
    expect(names.slice(-3)).toEqual(["blocks.11.mlp.fc2.bias", "norm.weight", "norm.bias"]);
  });

  it("sees pictures of other sizes, in bfloat16 too", () => {
    const shapes = withTransformer({}, (network) =>
      [32, 16, 48].map((size) =>
        scope(() =>
          noGrad(() => autocast({ dtype: "bfloat16" }, () => network.forward(randn([2, 3, size, size]))).shape),
        ),
      ),
    );
    expect(shapes).toEqual(Array(3).fill([2, 24]));
  });

  it("refuses pictures that are no whole number of patches", () => {
    withTransformer({}, (network) =>
      expect(() => scope(() => network.forward(randn([1, 3, 30, 30])))).toThrow(/pictures of 30 pixels, patches of 8/),
    );
  });

  it("starts each block as the identity where it is asked to", () => {
    const share = (zeroInitResidual: boolean) =>
      withTransformer({ zeroInitResidual }, (network) =>
        scope(() =>
          noGrad(() => {
            const tokens = randn([1, 17, 24]);
            return network.blocks[0]!.forward(tokens).sub(tokens).norm().item();
          }),
        ),
      );
    expect(share(true)).toBe(0);
    expect(share(false)).toBeGreaterThan(0);
  });
});

describe("positions for another grid", () => {
  it("are the learned ones on their own", () => {
    scope(() => {
      const learned = randn([1, 17, 6]);
      expect(positionsFor(learned, 4)).toBe(learned);
    });
  });

  it("keep the class token, a constant, and the direction of a slope", () => {
    scope(() => {
      const learned = randn([1, 17, 2]);
      noGrad(() => {
        for (let place = 1; place < 17; place++) {
          learned.select(1, place).select(1, 0).fill_(3);
          learned
            .select(1, place)
            .select(1, 1)
            .fill_((place - 1) % 4); // the column
        }
      });
      const resized = positionsFor(learned, 7);
      expect(resized.shape).toEqual([1, 50, 2]);
      expect(resized.select(1, 0).data()).toEqual(learned.select(1, 0).data());
      const [constant, columns] = [0, 1].map((channel) =>
        Array.from(resized.narrow(1, 1, 49).select(2, channel).contiguous().float32()),
      );
      for (const value of constant!) expect(value).toBeCloseTo(3, 5);
      const row = columns!.slice(0, 7);
      expect(row).toEqual(row.toSorted((a, b) => a - b));
      expect(row[3]).toBeCloseTo(1.5, 5); // the middle stays the middle
    });
  });

  it("pass gradients on to the learned ones", () => {
    scope(() => {
      const learned = randn([1, 17, 2]).requiresGrad_();
      positionsFor(learned, 2).sum().backward();
      expect(learned.grad!.abs().sum().item()).toBeGreaterThan(0);
    });
  });
});
