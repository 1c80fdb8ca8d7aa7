import { displayName } from "../../errors.ts";
import { recipes } from "../../recipes/index.ts";
import { changesBetween, type LogEvent, type RunFile, resolveSettings, type TrainState } from "../../train/index.ts";

type Pair = readonly [name: string, value: string];

/** What a reader needs to judge the figures and to make the run again. */
export function runFacts(run: RunFile, state: TrainState, events: readonly LogEvent[]): Pair[] {
  const { settings, versions } = run;
  const start = events.find((event) => event.event === "start");
  const epochs = state.stepsPerEpoch > 0 ? ` (${(state.step / state.stepsPerEpoch).toFixed(1)} epochs)` : "";
  return [
    ["Network", `${settings.backbone}, width ${settings.width}, stem ${settings.stem}`],
    ...(start ? [["Parameters", `${(start.parameters / 1e6).toFixed(2)} million`] as const] : []),
    ["Views", `${settings.size} × ${settings.size} pixels`],
    ["Batch", `${settings.batchSize} pictures`],
    ["Steps", `${state.step} of ${state.totalSteps}${epochs}`],
    [
      "Optimizer",
      `${settings.optimizer.name}, ${settings.optimizer.learningRate}, decay ${settings.optimizer.weightDecay}`,
    ],
    ["Seed", String(settings.seed)],
    ...(start ? [["Machine", `${start.device}, ${start.precision}, ${start.threads} threads`] as const] : []),
    ["Versions", `Selfsight ${versions.selfsight}, libtorch ${versions.libtorch}, Node ${versions.node}`],
    ["Pictures", `${displayName(run.data)}, fingerprint ${run.fingerprint.slice(0, 12)}`],
    ["Command", displayName(run.command)],
    ...events.flatMap(changeFact).slice(-mostChanges),
  ];
}

/** Newest changes that a page lists. */
const mostChanges = 20;

/** A change of settings while the run trained. */
function changeFact(event: LogEvent): Pair[] {
  if (event.event !== "act" || event.act !== "set") return [];
  const listed = (event.changes ?? []).map(
    ({ key, from, to }) => `${key} ${JSON.stringify(from)} -> ${JSON.stringify(to)}`,
  );
  return [[`From step ${event.step + 1} on`, displayName(`${listed.join(", ")} (${event.who}, ${event.via})`)]];
}

/** What to type next, for this run and these pictures. */
export function nextCommands(folder: string, run: RunFile, { step, totalSteps }: TrainState): Pair[] {
  const [own, pictures] = [quoted(displayName(folder)), quoted(displayName(run.data))];
  const recipe = recipeOf(run);
  const longer =
    recipe &&
    `npx selfsight pretrain ${pictures} --recipe ${recipe} --steps ${4 * totalSteps}${changesFrom(recipe, run)}`;
  return [
    ...(step < totalSteps ? [["Train the run to its end.", `npx selfsight pretrain --resume ${own}`] as const] : []),
    ["Measure it with a linear classifier.", `npx selfsight evaluate linear ${own} --data ${pictures}`],
    [
      "Write the features of every picture to a file.",
      `npx selfsight embed ${own} ${pictures} --out features.safetensors`,
    ],
    ...(longer ? [["Learn for four times as long, in a new run.", longer] as const] : []),
    ["Try your own pictures.", "npx selfsight quickstart --data path/to/pictures"],
  ];
}

/** The recipe that a quickstart took; a run of other settings has none that could be named. */
function recipeOf({ data, command }: RunFile): "fashion-mnist" | "shapes" | undefined {
  if (!command.startsWith("selfsight quickstart")) return undefined;
  return data === "fashion-mnist" ? data : "shapes";
}

/** What the run has that its recipe has not, as `--set`: seed, a batch fitted to few pictures, what was set by hand. */
const changesFrom = (recipe: keyof typeof recipes, { settings }: RunFile): string =>
  changesBetween(resolveSettings(recipes[recipe]), settings)
    .filter(({ key }) => key !== "steps" && key !== "epochs")
    .map(({ key, to }) => ` --set ${quoted(`${key}=${typeof to === "string" ? to : JSON.stringify(to)}`)}`)
    .join("");

/** Fit for a shell: names with anything beyond letters, digits and ./_- are put in single quotes. */
const quoted = (name: string): string => (/^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);
