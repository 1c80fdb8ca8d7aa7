import { expect, test } from "vitest";
import { barlowTwinsLoss } from "../src/methods/index.ts";
import { freeNetwork, freeOptimizer, namedParameters, projector, resnet, sgd } from "../src/nn/index.ts";
import { freeAll, liveTensors, manualSeed, randn, scope } from "../src/torch/index.ts";

test("1,000 steps end with the tensors and the memory that they began with", () => {
  manualSeed(1);
  const network = scope(() => {
    const backbone = resnet("resnet18", { stem: "small-stride-2", width: 8 });
    return { backbone, projector: projector(backbone.outputSize, [64, 64]) };
  });
  const optimizer = sgd([{ name: "all", parameters: namedParameters(network), learningRate: 0.01, weightDecay: 1e-4 }]);
  const [viewA, viewB] = [randn([8, 3, 32, 32]), randn([8, 3, 32, 32])];
  const step = () =>
    scope(() => {
      const embed = (view: typeof viewA) => network.projector.forward(network.backbone.forward(view));
      const { loss } = barlowTwinsLoss(embed(viewA), embed(viewB), { lambda: 0.0051 });
      loss.backward();
      optimizer.step(1);
      optimizer.clearGradients();
      return loss.item();
    });
  const steps = (count: number) => {
    for (let i = 0; i < count; i++) step();
    return { live: liveTensors().live, bytes: liveTensors().bytes, resident: process.memoryUsage().rss };
  };
  const early = steps(20);
  const middle = steps(480);
  const late = steps(500);
  expect([middle.live, late.live]).toEqual([early.live, early.live]);
  expect([middle.bytes, late.bytes]).toEqual([early.bytes, early.bytes]);
  expect((late.resident - middle.resident) / 2 ** 20).toBeLessThan(8); // one leaked activation a step would be 130 MiB
  expect(Number.isFinite(step())).toBe(true);
  freeNetwork(network.backbone);
  freeNetwork(network.projector);
  freeOptimizer(optimizer);
  freeAll([viewA, viewB]);
  expect(liveTensors().live).toBe(0);
}, 300_000);
