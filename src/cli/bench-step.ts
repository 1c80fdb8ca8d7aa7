// N images, D features. The step and the loss on fixed random input, so that nothing but the engine is measured.
import { SelfsightError } from "../errors.ts";
import { barlowTwinsLoss } from "../methods/index.ts";
import {
  backboneNames,
  freeNetwork,
  freeOptimizer,
  moveNetwork,
  namedParameters,
  type Optimizer,
  projector,
  type ResNet,
  resnet,
  type Sequential,
  sgd,
} from "../nn/index.ts";
import { autocast, freeAll, liveTensors, manualSeed, randn, scope, type Tensor } from "../torch/index.ts";
import { chosenDevice, chosenPrecision } from "../train/index.ts";
import { type BenchOptions, type BenchResult, measure, summary } from "./bench-figures.ts";

const lambda = 0.0051;

/** Forward of two fixed views, loss, backward, SGD with momentum. */
export async function benchStep(options: BenchOptions): Promise<BenchResult> {
  const { backbone, width, size, batch, projector, steps } = options;
  const device = chosenDevice(options.device);
  const precision = chosenPrecision(options.precision, device);
  manualSeed(0);
  const network = buildNetwork(options, device);
  const optimizer = sgd([{ name: "all", parameters: namedParameters(network), learningRate: 0.01, weightDecay: 5e-4 }]);
  const views = pair(() => channelsLast([batch, 3, size, size], device)); // 2 x [N, 3, H, W]
  const seconds = await measure(steps, () => step({ network, optimizer, views, precision, device }));
  const facts = { backbone, width, size, batch, projector, precision, device, liveTensors: liveTensors().live };
  freeNetwork(network);
  freeOptimizer(optimizer);
  freeAll(views);
  return summary("step", seconds, batch, facts);
}

interface StepParts {
  network: { backbone: ResNet; projector: Sequential };
  optimizer: Optimizer;
  views: readonly Tensor[];
  precision: "bf16" | "fp32";
  device: string;
}

function step({ network, optimizer, views, precision, device }: StepParts): number {
  const dtype = precision === "bf16" ? "bfloat16" : "float32";
  const embed = (view: Tensor) => network.projector.forward(network.backbone.forward(view));
  return scope(() => {
    const [zA, zB] = autocast({ dtype, device: device.split(":")[0]! }, () => views.map(embed)); // [N, D]
    const { loss } = barlowTwinsLoss(zA!, zB!, { lambda });
    loss.backward();
    optimizer.step(1);
    optimizer.clearGradients();
    return loss.item();
  });
}

const channelsLast = (shape: number[], device: string): Tensor =>
  scope(() => randn(shape, { device }).contiguous("channels_last"));

function buildNetwork(options: BenchOptions, device: string): StepParts["network"] {
  const name = backboneNames.find((known) => known === options.backbone);
  if (!name)
    throw new SelfsightError(
      "configuration",
      `bench step: backbone ${options.backbone}; one of ${backboneNames.join(", ")} is needed; give --backbone`,
    );
  const widths = projectorWidths(options.projector);
  const backbone = resnet(name, { stem: options.size <= 64 ? "small" : "imagenet", width: options.width });
  const network = { backbone, projector: projector(backbone.outputSize, widths) };
  moveNetwork(network, device);
  return network;
}

function projectorWidths(text: string): number[] {
  if (!/^[1-9]\d{0,5}(-[1-9]\d{0,5}){0,7}$/.test(text))
    throw new SelfsightError(
      "configuration",
      `bench step: projector ${text}; widths of 1 to 8 layers joined by - are needed; give such as --projector 2048-2048-2048`,
    );
  return text.split("-").map(Number);
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
  freeAll([zA, zB]);
  return summary("loss", seconds, batch, { batch, features, device });
}

const pair = (make: () => Tensor): [Tensor, Tensor] => [make(), make()];
