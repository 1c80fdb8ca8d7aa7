// One process of several that take the same step together, or the only one: node process-member.ts CASES OUT. The first writes, for each
// case, the loss and the whole gradient as a step has them before its update, and the running statistics after it.
import { writeFileSync } from "node:fs";
import { imageArray } from "../src/data/dataset.ts";
import { type Batch, batches, type Dataset } from "../src/data/index.ts";
import { joinTeam, launchFrom, type Team } from "../src/distributed/index.ts";
import { freeNetwork, freeOptimizer, namedParameters, stateOf } from "../src/nn/index.ts";
import { keyedStream } from "../src/random.ts";
import {
  buildState,
  type PartialSettings,
  resolveSettings,
  type Settings,
  type TrainState,
  trainStep,
} from "../src/train/index.ts";
import { shareOf } from "../src/train/together.ts";

export interface ProcessCase {
  name: string;
  settings: PartialSettings;
  /** The batch's images in the opposite order: the same sums in another order, so what rounding alone does. */
  isReversed?: boolean;
  /** The batch's images as so many processes lay them into their micro-batches: the first ones of each, then the second ones. */
  dealtTo?: number;
}

export interface ProcessResult {
  loss: number;
  gradient: number[];
  statistics: number[];
}

const images = 40;

function noise(): Dataset {
  const next = keyedStream(5);
  const pixels = Uint8Array.from({ length: images * 3 * 16 * 16 }, () => 256 * next());
  const labels = Int32Array.from({ length: images }, (_, i) => i % 3);
  return imageArray({
    name: "noise",
    pixels,
    channels: 3,
    height: 16,
    width: 16,
    labels,
    classes: ["a", "b", "c"],
  });
}

const usual: PartialSettings = {
  size: 16,
  width: 4,
  epochs: 4,
  warmupEpochs: 0,
  batchSize: 13,
  precision: "fp32",
  device: "cpu",
  watchEverySteps: 1,
  zeroInitResidual: false,
  optimizer: { name: "sgd", learningRate: 0.1 },
};

async function resultOf(asked: ProcessCase, team?: Team): Promise<ProcessResult> {
  const { settings: given } = asked;
  const settings = resolveSettings(usual, given);
  const dataset = noise();
  const state = buildState(settings, dataset);
  const share = shareOf({ team, settings } as Parameters<typeof shareOf>[0]);
  const reader = batches(dataset, { batchSize: settings.batchSize, seed: settings.seed, ...(share && { share }) });
  const { value: batch } = await reader.next();
  const gradient: number[] = [];
  collect(state, gradient);
  const { loss } = trainStep(state, team ? batch : reordered(batch, dataset, orderOf(asked, settings)));
  const statistics = [...stateOf(state.network)].flatMap(([name, tensor]) =>
    name.includes("running_") ? [...(tensor.data() as Float32Array)] : [],
  );
  freeOptimizer(state.optimizer);
  freeNetwork(state.network);
  return { loss, gradient, statistics };
}

/** Takes every gradient down when the step has it, before the method or the optimizer change anything. */
function collect(state: TrainState, gradient: number[]): void {
  const { beforeUpdate, trainable } = state.method;
  state.method = {
    ...state.method,
    beforeUpdate(context) {
      for (const { grad } of namedParameters(trainable).values())
        if (grad) gradient.push(...(grad.contiguous().data() as Float32Array));
      beforeUpdate?.(context);
    },
  };
}

/** The places of the batch's images. */
function orderOf({ isReversed, dealtTo = 1 }: ProcessCase, { batchSize, microBatch }: Settings): number[] {
  const [own, part] = [batchSize / dealtTo, (microBatch ?? batchSize) / dealtTo];
  const keyOf = (place: number) => Math.floor((place % own) / part) * batchSize + place;
  const order = Array.from({ length: batchSize }, (_, place) => place).sort((a, b) => keyOf(a) - keyOf(b));
  return isReversed ? order.reverse() : order;
}

function reordered(batch: Batch, dataset: Dataset, order: readonly number[]): Batch {
  if (dataset.kind !== "array" || Array.isArray(batch.images)) throw new Error("an array is needed");
  const size = 3 * 16 * 16;
  const indices = Uint32Array.from(order, (place) => batch.indices[place]!);
  const pixels = Uint8Array.from(
    [...indices].flatMap((index) => [...dataset.pixels.subarray(index * size, (index + 1) * size)]),
  );
  const labels = Int32Array.from(indices, (index) => dataset.labels![index]!);
  return { ...batch, indices, images: { ...batch.images, pixels }, labels };
}

const [casesText, out] = process.argv.slice(2) as [string, string];
const launch = launchFrom(process.env);
const team = launch && joinTeam(launch, 60);
const results: Record<string, ProcessResult> = {};
for (const each of JSON.parse(casesText) as ProcessCase[]) results[each.name] = await resultOf(each, team);
if (!team || team.isLeader) writeFileSync(out, JSON.stringify(results));
team?.sum(0);
team?.leave();
