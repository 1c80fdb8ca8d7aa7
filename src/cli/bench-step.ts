// N images, D features. The step and the loss on fixed random input, so that nothing but the engine is measured.

import { SelfsightError } from "../errors.ts";
import { barlowTwinsLoss } from "../methods/index.ts";
import {
  backboneNames,
  moveNetwork,
  namedParameters,
  projector,
  type ResNet,
  resnet,
  type Sequential,
  sgd,
} from "../nn/index.ts";
import { autocast, liveTensors, manualSeed, randn, scope, type Tensor } from "../torch/index.ts";
import { chosenDevice, chosenPrecision } from "../train/index.ts";
import { type BenchOptions, type BenchResult, measure, summary } from "./bench-figures.ts";

const lambda = 0.0051;

/** Forward of two fixed views, loss, backward, SGD with momentum. */
export async function benchStep(options: BenchOptions): Promise<BenchResult> {
  const { backbone, width, size, batch, steps } = options;
  const device = chosenDevice(options.device);
  const precision = chosenPrecision(options.precision, device);
  manualSeed(0);
  const network = buildNetwork(options, device);
  const optimizer = sgd([{ name: "all", parameters: namedParameters(network), learningRate: 0.01, weightDecay: 5e-4 }]);
  const views = pair(() => randn([batch, 3, size, size], { device }).contiguous("channels_last")); // 2 x [N, 3, H, W]
  const embed = (view: Tensor) => network.projector.forward(network.backbone.forward(view));
  const dtype = precision === "bf16" ? "bfloat16" : "float32";
  const seconds = await measure(steps, () =>
    scope(() => {
      const [zA, zB] = autocast({ dtype, device: device.split(":")[0]! }, () => views.map(embed)); // [N, D]
      const { loss } = barlowTwinsLoss(zA!, zB!, { lambda });
      loss.backward();
      optimizer.step(1);
      optimizer.clearGradients();
      return loss.item();
    }),
  );
  const facts = { backbone, width, size, batch, projector: options.projector, precision, device };
  return summary("step", seconds, batch, { ...facts, liveTensors: liveTensors().live });
}

function buildNetwork(options: BenchOptions, device: string): { backbone: ResNet; projector: Sequential } {
  const name = backboneNames.find((known) => known === options.backbone);
  if (!name)
    throw new SelfsightError(
      "configuration",
      `bench step: backbone ${options.backbone}; one of ${backboneNames.join(", ")} is needed; give --backbone`,
    );
  const backbone = resnet(name, { stem: options.size <= 64 ? "small" : "imagenet", width: options.width });
  const network = { backbone, projector: projector(backbone.outputSize, options.projector.split("-").map(Number)) };
  moveNetwork(network, device);
  return network;
}

/** Loss of Barlow Twins and its gradient, N x D, float32. */
export async function benchLoss({ batch, features, steps, device: wanted }: BenchOptions): Promise<BenchResult> {
  const device = chosenDevice(wanted);
  manualSeed(0);
  const [zA, zB] = pair(() => randn([batch, features], { device }).requiresGrad_()); // [N, D]
  const seconds = await measure(steps, () =>
    scope(() => {
      const { loss } = barlowTwinsLoss(zA, zB, { lambda });
      loss.backward();
      zA.clearGrad();
      zB.clearGrad();
      return loss.item();
    }),
  );
  return summary("loss", seconds, batch, { batch, features, device });
}

const pair = (make: () => Tensor): [Tensor, Tensor] => [make(), make()];
