// N images, V views, D features. The step and the loss on fixed random input, so that nothing but the engine is measured.
import { barlowTwinsLoss } from "../../methods/index.ts";
import { recipes } from "../../recipes/index.ts";
import { freeAll, liveTensors, manualSeed, randn, scope, type Tensor, zeros } from "../../torch/index.ts";
import {
  buildState,
  chosenDevice,
  freeState,
  type PartialSettings,
  resolveSettings,
  type Settings,
  trainStepOnViews,
} from "../../train/index.ts";
import { type BenchOptions, type BenchResult, measure, summary, warmUpOfGraphs } from "./figures.ts";

const lambda = 0.0051;

/** A method's whole step but for the pictures: trunk and heads on fixed views, loss, backward, SGD with momentum, teacher. */
export async function benchStep(options: BenchOptions): Promise<BenchResult> {
  const settings = { ...settingsOf(options), cudaGraph: options.cudaGraph === true };
  const state = buildState(settings, { length: settings.batchSize, classes: ["0", "1"] });
  const { views, labels } = fixedInput(settings, state.device);
  const step = () => trainStepOnViews(state, views, labels);
  const seconds = await measure(options.steps, step, settings.cudaGraph ? warmUpOfGraphs : undefined);
  const { method, backbone, width, size, batchSize } = settings;
  const facts = {
    ...{ method, backbone, width, size, batch: batchSize, projector: projectorOf(settings) },
    ...{ precision: state.precision, device: state.device, liveTensors: liveTensors().live },
    ...(settings.cudaGraph && { played: "back by a CUDA graph" }),
  };
  freeState(state);
  freeAll([...views, labels]);
  return summary("step", seconds, batchSize, facts);
}

/** Heads are those of the method's CIFAR-10 recipe; one optimizer for all, so that methods can be compared. */
export function settingsOf(options: BenchOptions): Settings {
  const { method = "barlow-twins", backbone, width, size, batch, projector, precision, device } = options;
  const given = { backbone, width, size, batchSize: batch, ...(projector && { projector }), precision, device };
  const optimizer = { name: "sgd", learningRate: 0.01, batchRule: "none", weightDecay: 5e-4, momentum: 0.9 };
  const length = { steps: manySteps, watchEverySteps: 0 };
  return resolveSettings(headsOf(method), { ...given, ...length, optimizer } as PartialSettings);
}

/** No step of a measurement should stand at a schedule's end. */
const manySteps = 1_000_000;

function headsOf(method: string): PartialSettings {
  if (method === "barlow-twins") return { method, projector: "2048-2048-2048", lambda };
  const { views: _, ...heads } = (recipes as Record<string, PartialSettings>)[`cifar10/${method}`] ?? {};
  return { ...heads, method: method as Settings["method"] };
}

export const projectorOf = (settings: Settings): string => (settings as { projector?: string }).projector ?? "none";

/** Views V x [N, 3, S, S] and labels [N]. */
function fixedInput({ views, batchSize }: Settings, device: string): { views: Tensor[]; labels: Tensor } {
  manualSeed(0);
  return {
    views: views.map(({ size }) => channelsLast([batchSize, 3, size, size], device)),
    labels: zeros([batchSize], { dtype: "int64", device }),
  };
}

const channelsLast = (shape: number[], device: string): Tensor =>
  scope(() => randn(shape, { device }).contiguous("channels_last"));

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
