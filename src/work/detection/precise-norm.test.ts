import { afterAll, expect, test } from "vitest";
import { Detector, type DetectorOptions, usualDetector } from "../../detect/index.ts";
import { freeNetwork, resnet } from "../../nn/index.ts";
import { liveTensors, manualSeed, noGrad, randn, scope } from "../../torch/index.ts";
import { PreciseNorm } from "./precise-norm.ts";

afterAll(() => expect(liveTensors().live).toBe(0));

test("batch norm's statistics become the mean of those of the batches, whatever they were", () => {
  manualSeed(0);
  const options: DetectorOptions = usualDetector(4, { classes: 1, hasMasks: false });
  const network = scope(() => new Detector(resnet("resnet18", { stem: "small", width: 2 }), options));
  const norm = network.backbone.bn1;
  noGrad(() => norm.running_mean.fill_(7));
  const precise = new PreciseNorm(network);
  const means: number[] = [];
  const variances: number[] = [];
  scope(() => {
    for (const images of [randn([2, 3, 8, 8]), randn([3, 3, 8, 8]).add(1)]) {
      precise.add(() => network.forward(images));
      const seen = noGrad(() => network.backbone.conv1.forward(images))
        .to("float64")
        .select(1, 0);
      means.push(seen.mean().item());
      variances.push(seen.var().item());
    }
  });
  precise.settle();
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(norm.running_mean.float32()[0]).toBeCloseTo(mean(means), 5);
  expect(norm.running_var.float32()[0]).toBeCloseTo(mean(variances), 4);
  freeNetwork(network);
});
