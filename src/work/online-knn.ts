import { type Dataset, limitTo, openDataset, subset } from "../data/index.ts";
import type { Team } from "../distributed/index.ts";
import {
  backboneRepresentation,
  evaluateKnn,
  extractFeatures,
  type Features,
  featureTensor,
  labelledTask,
} from "../evaluate/index.ts";
import type { Module } from "../nn/index.ts";
import { noGrad, scope } from "../torch/index.ts";
import { type OnlineScore, onlineParts, type Settings, type TrainState } from "../train/index.ts";
import { viewOf } from "./representation.ts";

/** Enough for a curve, cheap beside an epoch. */
const bankImages = 5000;
/** Of the val split. */
const valImages = 1000;
/** Of pictures that are held out of training: as many as of a whole CIFAR-10. */
const mostVoters = 50_000;
const mostHeldOut = 10_000;
/** With fewer images the figure would be noise. */
const fewestImages = 100;
const fewestQueries = 20;

type Evaluate = (state: TrainState) => Promise<OnlineScore[]>;

/** What votes, what is asked for, and what the protocol says of both. */
interface Parts {
  bank: Dataset;
  queries: Dataset;
  asked: string;
}

/** The pictures that are trained on, and those that the run holds out of training. */
interface WatchedPictures {
  dataset: Dataset;
  heldOut?: Dataset | undefined;
}

/**
 * kNN on pictures that are held out of training where the run does so, else on those of the val split, or where there is none on some
 * of the training split that are held out from the bank: a number to watch, not one to report (test labels are never used while
 * training). Undefined where it is switched off, or there are no labels, one class or too few pictures. Of several processes all are to call it, and what it returns.
 */
export async function onlineKnn(
  settings: Settings,
  { dataset, heldOut }: WatchedPictures,
  team?: Team,
): Promise<Evaluate | undefined> {
  const parts = await partsOf(settings, { dataset, heldOut });
  const { isMeasured, isShared } = agreed(parts, team && (await team.byLeader(() => printOf(parts))), team);
  if (!isMeasured) return undefined;
  if (team && !isShared) return (state) => team.byLeader(() => measured(state, parts!));
  return (state) => measured(state, parts!, team);
}

async function partsOf(settings: Settings, { dataset, heldOut }: WatchedPictures): Promise<Parts | undefined> {
  if (settings.knnEveryEpochs === 0 || !dataset.labels || dataset.length < fewestImages) return undefined;
  const parts = heldOut
    ? untrainedParts(dataset, heldOut)
    : ((await valParts(dataset, settings.seed)) ?? heldOutParts(dataset, settings.seed));
  if (new Set(parts.bank.labels).size < 2) return undefined;
  return { ...parts, bank: withAllBorne(parts.bank), queries: withAllBorne(parts.queries) };
}

const printOf = (parts: Parts | undefined): string =>
  parts ? `${parts.bank.fingerprint} ${parts.queries.fingerprint}` : "";

/** Process 0 says whether there is something to measure; the others help where all of them have the same pictures. */
function agreed(parts: Parts | undefined, leaders: string | undefined, team: Team | undefined) {
  if (!team) return { isMeasured: parts !== undefined, isShared: false };
  const isShared = team.sum(Number(printOf(parts) === leaders)) === team.size;
  return { isMeasured: leaders !== "", isShared };
}

/** In every process where there are several; process 0 alone compares. */
async function measured(state: TrainState, { bank, queries, asked }: Parts, team?: Team): Promise<OnlineScore[]> {
  const representation = stateRepresentation(state);
  const options = team && { sharing: { team } };
  const bankFeatures = await extractFeatures(representation, bank, options);
  const queryFeatures = await extractFeatures(representation, queries, options);
  const scores = () => scoresOf(state, bankFeatures, queryFeatures, asked);
  return team ? team.byLeader(scores) : scores();
}

function scoresOf(state: TrainState, bank: Features, queries: Features, asked: string): OnlineScore[] {
  const { protocol, value } = evaluateKnn(bank, queries, { device: state.device });
  const knn = { protocol: `online ${protocol}, ${bank.length} + ${queries.length} ${asked} images`, value };
  const linear = linearScore(state, bank, queries, asked);
  return linear ? [linear, knn] : [knn]; // kNN last: what lists a run's newest figure shows it
}

/** What the classifier that learns beside the trunk answers; undefined where there is none. */
function linearScore({ onlineLinear, device }: TrainState, bank: Features, queries: Features, asked: string) {
  if (!onlineLinear) return undefined;
  const { queryLabels } = labelledTask(bank, queries);
  const head = onlineLinear.head.eval();
  const answers = scope(() => noGrad(() => head.forward(featureTensor(queries, device)).argmax(1).to("int32").data()));
  head.train();
  const right = queryLabels.filter((label, row) => label === answers[row]).length;
  return { protocol: `online linear-v1, ${queries.length} ${asked} images`, value: right / queries.length };
}

/** How many bad files are too many is for training to say, of all of them. */
const withAllBorne = (dataset: Dataset): Dataset =>
  dataset.kind === "array" ? dataset : { ...dataset, rules: { ...dataset.rules, maxBadShare: 1 } };

/** All that is trained on votes, as in the protocol that reports. */
const untrainedParts = (dataset: Dataset, heldOut: Dataset): Parts => ({
  bank: limitTo(dataset, mostVoters),
  queries: limitTo(heldOut, mostHeldOut),
  asked: "held-out",
});

function heldOutParts(dataset: Dataset, seed: number): Parts {
  const { held, others } = onlineParts(dataset.length, seed);
  return { queries: subset(dataset, held), bank: subset(dataset, others.slice(0, bankImages)), asked: "train" };
}

/**
 * Undefined where the val split is the one to report on, or has no labels, or too few pictures of classes that training knows; one
 * that cannot be opened ends no run.
 */
async function valParts(dataset: Dataset, seed: number): Promise<Parts | undefined> {
  const division = dataset.kind === "folder" ? dataset.division : undefined;
  if (!division?.val?.isLabelled || !division.test?.isLabelled || !dataset.source) return undefined;
  const wanted = { ...dataset.source, split: "val", limit: valImages } as const;
  const val = await openDataset(dataset.source.data, wanted).catch(() => undefined);
  const places = val ? placesOf(val, new Set(dataset.classes)) : [];
  if (!val || places.length < fewestQueries) return undefined;
  const { held, others } = onlineParts(dataset.length, seed);
  const bank = Uint32Array.from([...held, ...others.slice(0, bankImages)]).slice(0, bankImages);
  return { bank: subset(dataset, bank), queries: subset(val, places), asked: "val" };
}

/** The samples of these classes. */
const placesOf = ({ labels, classes }: Dataset, wanted: ReadonlySet<string>): number[] =>
  Array.from(labels ?? [], (label, place) => ({ name: classes?.[label], place })).flatMap(({ name, place }) =>
    name !== undefined && wanted.has(name) ? [place] : [],
  );

/** The backbone as it stands in training, in evaluation mode for the time of a batch. */
export function stateRepresentation({ settings, method, device, precision, step }: TrainState) {
  const backbone = method.trainable.backbone as Module;
  return backboneRepresentation(backbone, { name: `step ${step}`, ...viewOf(settings), device, precision });
}
