// One process of several that learn a classifier together, or the only one: node classifier-member.ts CASES OUT. The first writes, for each
// case, by how much an epoch has changed each weight, and the running statistics after it.
import { writeFileSync } from "node:fs";
import { imageArray } from "../src/data/dataset.ts";
import { joinTeam, launchFrom } from "../src/distributed/index.ts";
import { linearHead } from "../src/evaluate/classifier/head.ts";
import { trainClassifier } from "../src/evaluate/classifier/train-classifier.ts";
import type { Sharing } from "../src/evaluate/shared-batches.ts";
import { supervisedViews } from "../src/methods/index.ts";
import {
  type BackboneOptions,
  freeNetwork,
  type Module,
  makeBackbone,
  namedParameters,
  stateOf,
} from "../src/nn/index.ts";
import { keyedStream } from "../src/random.ts";
import { manualSeed } from "../src/torch/index.ts";

export interface ClassifierCase {
  name: string;
  backbone: Omit<BackboneOptions, "size" | "zeroInitResidual">;
  batchSize: number;
}

export interface ClassifierResult {
  steps: number;
  change: number[];
  statistics: number[];
}

const images = 26;

function noise() {
  const next = keyedStream(5);
  const pixels = Uint8Array.from({ length: images * 3 * 16 * 16 }, () => 256 * next());
  const labels = Int32Array.from({ length: images }, (_, i) => i % 3);
  return imageArray({ name: "noise", pixels, channels: 3, height: 16, width: 16, labels, classes: ["a", "b", "c"] });
}

const valuesOf = (networks: Module): number[] =>
  [...namedParameters(networks).values()].flatMap((own) => [...own.contiguous().float32()]);

async function resultOf({ backbone: kind, batchSize }: ClassifierCase, sharing?: Sharing): Promise<ClassifierResult> {
  manualSeed(3 + (sharing?.team.rank ?? 0)); // all begin with the first one's weights
  const backbone = makeBackbone({ ...kind, size: 16, zeroInitResidual: false });
  const head = linearHead({ features: backbone.outputSize, classes: 3, seed: 0, device: "cpu", normalizes: true });
  const networks = [backbone, head];
  const group = (network: Module) => ({
    name: "all",
    parameters: namedParameters(network),
    learningRate: 0.02,
    weightDecay: 0,
  });
  const before = networks.map(valuesOf);
  const { steps } = await trainClassifier({
    train: noise(),
    recipe: { epochs: 1, batchSize, momentum: 0.9, nesterov: false, schedule: { kind: "cosine" } },
    view: supervisedViews({ size: 16 })[0]!,
    decodeSize: 16,
    device: "cpu",
    seed: 0,
    logits: (pictures) => head.train().forward(backbone.train().forward(pictures)),
    groups: networks.map(group),
    sharing,
  });
  const change = networks.flatMap((network, i) => valuesOf(network).map((value, at) => value - before[i]![at]!));
  const statistics = networks.flatMap((network) =>
    [...stateOf(network)].flatMap(([name, tensor]) => (name.includes("running_") ? [...tensor.float32()] : [])),
  );
  for (const network of networks) freeNetwork(network);
  return { steps, change, statistics };
}

const [casesText, out] = process.argv.slice(2) as [string, string];
const launch = launchFrom(process.env);
const team = launch && joinTeam(launch, 60, { trainsTogether: false });
const results: Record<string, ClassifierResult> = {};
for (const each of JSON.parse(casesText) as ClassifierCase[])
  results[each.name] = await resultOf(each, team && { team });
if (!team || team.isLeader) writeFileSync(out, JSON.stringify(results));
team?.sum(0);
team?.leave();
