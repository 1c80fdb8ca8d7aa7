import { join } from "node:path";
import type { Dataset } from "../../../data/index.ts";
import { displayName } from "../../../errors.ts";
import { recipes } from "../../../recipes/index.ts";
import {
  freeFolder,
  nameOf,
  newRun,
  openTrainingData,
  type PartialSettings,
  resolveSettings,
  type Settings,
  secondsPerStep,
  settingFrom,
} from "../../../train/index.ts";
import { warn } from "../../terminal/warn.ts";
import { commandLine, runToEnd } from "../pretrain/run.ts";
import { reportRun } from "../report/run.ts";

/** Longer than this a first look shall not take, unless --minutes says so. */
const mostMinutes = 5;

export interface QuickstartOptions {
  data: string;
  out?: string | undefined;
  minutes?: number | undefined;
  seed: number;
  set?: string[];
  json?: true | undefined;
}

/** `selfsight quickstart`: a short run, its figures against both baselines, and its page. */
export async function quickstart(options: QuickstartOptions): Promise<void> {
  const given = quickstartSettings(options);
  const warnOnce = once(warn);
  const { dataset, heldOut } = await openTrainingData(options.data, given, warnOnce);
  const settings = await withSteps(fitted(given, dataset), dataset, options);
  const folder = options.out ?? freeFolder(join("runs", `quickstart-${nameOf(options.data)}`));
  newRun({ folder, settings, dataset }, commandLine());
  const say = sayer(options);
  say(`the run's folder is ${displayName(folder)}`);
  const { reason } = await runToEnd({ folder, settings, dataset, ...(heldOut && { heldOut }) }, options);
  if (reason === "complete") return reportRun(folder, { json: options.json, warn: warnOnce });
  say(`then write its report with: selfsight report ${displayName(folder)}`);
}

/** Training and report open the same pictures. */
function once(say: (line: string) => void): (line: string) => void {
  const said = new Set<string>();
  return (line) => {
    if (!said.has(line)) say(line);
    said.add(line);
  };
}

/** Where standard output is for a machine, people read on standard error. */
const sayer = ({ json }: QuickstartOptions) => (json ? console.error : console.log);

/** The recipe of the pictures' name; other pictures take that of the shapes, which asks least of them. */
function quickstartSettings({ data, seed, set = [] }: QuickstartOptions): Settings {
  const recipe: PartialSettings = data === "fashion-mnist" ? recipes["fashion-mnist"] : recipes.shapes;
  return resolveSettings(recipe, { seed }, ...set.map(settingFrom));
}

/** Few pictures make smaller batches: four steps an epoch where there are eight, so that order and views vary. */
const fitted = (settings: Settings, { length }: Dataset): Settings =>
  resolveSettings(settings, { batchSize: Math.min(settings.batchSize, Math.max(2, Math.floor(length / 4))) });

/** As many steps as the time holds: --minutes exactly, else the recipe's own number unless this machine is too slow for it. */
async function withSteps(settings: Settings, dataset: Dataset, options: QuickstartOptions): Promise<Settings> {
  const { minutes, data } = options;
  if (settings.steps !== null) return settings;
  const seconds = await secondsPerStep(settings, dataset);
  const held = Math.max(1, Math.floor(((minutes ?? mostMinutes) * 60) / seconds));
  const planned = settings.epochs! * Math.floor(dataset.length / settings.batchSize);
  const hasRecipe = Object.hasOwn(recipes, data);
  const steps = minutes === undefined && hasRecipe ? Math.min(planned, held) : held;
  sayer(options)(
    `one step takes ${seconds.toFixed(2)} s here: ${steps} steps in about ${((steps * seconds) / 60).toFixed(1)} minutes`,
  );
  return { ...settings, steps, epochs: null };
}
