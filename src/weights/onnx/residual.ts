// N images, C channels. A residual network as a graph, each batch norm folded into the convolution before it.
import { type ResNetName, type ResNetStem, resnetDepths } from "../../nn/index.ts";
import type { Drawing } from "./drawing.ts";
import type { NetworkValues } from "./values.ts";

interface Geometry {
  kernel: number;
  stride: number;
}

interface Block {
  name: string;
  stride: number;
}

/** Convolution and batch norm by their names: from the map's name to that of the next. */
type Convolve = (map: string, convolution: string, norm: string, geometry: Geometry) => string;

const stemGeometry: Record<ResNetStem, Geometry> = {
  imagenet: { kernel: 7, stride: 2 },
  small: { kernel: 3, stride: 1 },
  "small-stride-2": { kernel: 3, stride: 2 },
};

/** As in the batch norms of `src/nn` and of torchvision. */
const normEpsilon = 1e-5;

/** From pictures [N, 3, H, W] to the last map [N, C, h, w], by their names. */
export function drawResidual(
  to: Drawing,
  network: NetworkValues,
  { backbone, stem }: { backbone: ResNetName; stem: ResNetStem },
  pictures: string,
): string {
  const convolve = convolutions(to, network);
  const first = to.node("Relu", [convolve(pictures, "conv1", "bn1", stemGeometry[stem])]);
  const drawBranch = backbone === "resnet50" ? bottleneck : basic;
  return blocksOf(backbone).reduce(
    (map, block) => {
      const branch = drawBranch(to, convolve, block, map);
      const shortcut = network.has(`${block.name}.downsample.0.weight`) ? downsample(convolve, block, map) : map;
      return to.node("Relu", [to.node("Add", [branch, shortcut])]);
    },
    stem === "imagenet" ? halved(to, first) : first,
  );
}

/** The mean over the places of a map: [N, C, h, w] to [N, C]. */
export const drawAverage = (to: Drawing, map: string, named: string): string =>
  to.node("Flatten", [to.node("GlobalAveragePool", [map])], { axis: 1 }, named);

const halved = (to: Drawing, map: string) =>
  to.node("MaxPool", [map], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });

const blocksOf = (backbone: ResNetName): Block[] =>
  resnetDepths[backbone].flatMap((depth, stage) =>
    Array.from({ length: depth }, (_, place) => ({
      name: `layer${stage + 1}.${place}`,
      stride: stage > 0 && place === 0 ? 2 : 1,
    })),
  );

function basic(to: Drawing, convolve: Convolve, { name, stride }: Block, map: string): string {
  const hidden = to.node("Relu", [convolve(map, `${name}.conv1`, `${name}.bn1`, { kernel: 3, stride })]);
  return convolve(hidden, `${name}.conv2`, `${name}.bn2`, { kernel: 3, stride: 1 });
}

function bottleneck(to: Drawing, convolve: Convolve, { name, stride }: Block, map: string): string {
  const reduced = to.node("Relu", [convolve(map, `${name}.conv1`, `${name}.bn1`, { kernel: 1, stride: 1 })]);
  const hidden = to.node("Relu", [convolve(reduced, `${name}.conv2`, `${name}.bn2`, { kernel: 3, stride })]);
  return convolve(hidden, `${name}.conv3`, `${name}.bn3`, { kernel: 1, stride: 1 });
}

const downsample = (convolve: Convolve, { name, stride }: Block, map: string) =>
  convolve(map, `${name}.downsample.0`, `${name}.downsample.1`, { kernel: 1, stride });

function convolutions(to: Drawing, network: NetworkValues): Convolve {
  return (map, convolution, norm, { kernel, stride }) => {
    const { shape, weight, bias } = folded(network, convolution, norm);
    const inputs = [
      map,
      to.weight(`${convolution}.weight`, shape, weight),
      to.weight(`${norm}.bias`, [shape[0]!], bias),
    ];
    const pad = (kernel - 1) / 2;
    const geometry = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
    return to.node("Conv", inputs, geometry);
  };
}

/** W ← W γ / √(var + ε) and b ← β − mean γ / √(var + ε), in double precision. */
function folded(network: NetworkValues, convolution: string, norm: string) {
  const { shape, values } = network.get(`${convolution}.weight`);
  const [scale, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(
    (part) => network.get(`${norm}.${part}`).values,
  );
  const factors = Float64Array.from(scale!, (value, c) => value / Math.sqrt(variance![c]! + normEpsilon)); // [C]
  const each = values.length / factors.length;
  return {
    shape,
    weight: values.map((value, place) => value * factors[Math.floor(place / each)]!),
    bias: shift!.map((value, c) => value - mean![c]! * factors[c]!),
  };
}
