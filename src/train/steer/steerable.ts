// Which settings may change while a run trains, and which may not, with the reason.
import { SelfsightError } from "../../errors.ts";
import { authorsBaseRate } from "../../nn/index.ts";
import { type Change, changesBetween, settingTree } from "../settings/setting-tree.ts";
import { type PartialSettings, resolveSettings, type Settings } from "../settings/settings.ts";
import { ofView, steerableKeys } from "../settings/steerable-keys.ts";

const isSteerable = (key: string, settings: Settings): boolean =>
  ofView.test(key) || steerableKeys(settings).includes(key);

/** Why others may not, by the first part of their keys. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^(batchSize|microBatch)$/, "the schedule, the order of the pictures and the statistics of the loss follow from it"],
  [
    /^(method|backbone|stem|width|zeroInitResidual|projector|predictor|prototypes|queueLength)/,
    "the shapes of the networks follow from it",
  ],
  [/^(seed)$/, "all random choices follow from it"],
  [/^(limit|holdOut|decodeSize|maxBadShare|range|bands)/, "the pictures that are read follow from it"],
  [
    /^(epochs|steps|earlySize|earlyShare|warmupEpochs|warmupShare|floor|cosinePer)$/,
    "the schedule stays; a run gets another length when it goes on with --resume RUN --epochs",
  ],
  [/^(size|views\.\d+\.(size|normalize))/, "the network was made for pictures of this size and normalisation"],
  [/^(device|precision|residentPictures|cudaGraph)$/, "tensors lie where the run began and as it began"],
  [/^optimizer/, "the optimizer's state belongs to it"],
];

const reasonFor = (key: string): string =>
  reasons.find(([pattern]) => pattern.test(key))?.[1] ?? "the networks were built with it";

/**
 * What a request changes in a run's settings, leaf by leaf. `xF` in place of a learning rate multiplies it, and that of the biases with it.
 * Errors: configuration, naming unknown keys with the nearest one, wrong values with what is needed, and what may not change with the reason.
 */
export function wantedChanges(settings: Settings, asked: Readonly<Record<string, unknown>>): Change[] {
  const layers = Object.entries(asked).map(([key, value]) => treeOf(settings, key, value));
  const changes = changesBetween(settings, resolveSettings(settings, ...layers));
  const fixed = changes.filter(({ key }) => !isSteerable(key, settings));
  if (fixed.length > 0) throw fixedSettings(fixed);
  if (changes.length === 0) throw nothingChanges(Object.keys(asked));
  return changes;
}

function treeOf(settings: Settings, key: string, value: unknown): PartialSettings {
  if (key.split(".").some((part) => ["__proto__", "constructor", "prototype", ""].includes(part)))
    throw new SelfsightError(
      "configuration",
      `steer: ${key}; no such setting; see \`selfsight settings ${settings.method}\``,
    );
  const factor = factorFrom(value);
  if (factor === undefined || key !== "optimizer.learningRate") return settingTree(key, value) as PartialSettings;
  return scaledRates(settings, factor);
}

/** `x0.5` as 0.5. */
function factorFrom(value: unknown): number | undefined {
  const found = typeof value === "string" ? /^x(\d+(?:\.\d+)?(?:e-?\d+)?)$/i.exec(value) : null;
  return found ? Number(found[1]) : undefined;
}

function scaledRates({ optimizer, batchSize }: Settings, factor: number): PartialSettings {
  const { learningRate, biasLearningRate } = optimizer;
  const base = learningRate === "authors" ? authorsBaseRate(batchSize) : learningRate;
  return {
    optimizer: {
      learningRate: base * factor,
      ...(biasLearningRate !== null && { biasLearningRate: biasLearningRate * factor }),
    },
  };
}

const shown = ({ key, from, to }: Change): string => `${key} ${JSON.stringify(from)} -> ${JSON.stringify(to)}`;

function fixedSettings(fixed: readonly Change[]): SelfsightError {
  const sets = fixed.map(({ key, to }) => `--set ${key}=${JSON.stringify(to)}`).join(" ");
  return new SelfsightError(
    "configuration",
    `steer: ${fixed.map(shown).join(", ")}; while a run trains it stays as it is: ${[...new Set(fixed.map(({ key }) => reasonFor(key)))].join("; ")}; fork the run: selfsight pretrain --from RUN@STEP ${sets}`,
  );
}

const nothingChanges = (keys: readonly string[]): SelfsightError =>
  new SelfsightError(
    "configuration",
    `steer: ${keys.join(", ")}: the run has ${keys.length === 1 ? "this value" : "these values"} already; nothing was changed; give ${keys.length === 1 ? "another one" : "other ones"}`,
  );
