import { displayName, SelfsightError } from "../../../errors.ts";
import { type ActEvent, answersOf, askOfRun, assignmentFrom, logEnd, type Wish } from "../../../train/index.ts";
import { describeAct } from "../../terminal/progress.ts";

export interface SteerOptions {
  set?: string[] | undefined;
  save?: true | undefined;
  stop?: true | undefined;
  reorder?: true | undefined;
  wait: number;
  json?: true | undefined;
}

/** `selfsight steer RUN --set key=value --save --stop`. */
export async function steer(folder: string, options: SteerOptions): Promise<void> {
  const wishes = wishesOf(options);
  const since = logEnd(folder);
  const ids = wishes.map((wish) => askOfRun(folder, wish));
  const answers = options.wait > 0 ? await answersOf(folder, ids, { since, seconds: options.wait }) : [];
  if (options.json) console.log(JSON.stringify({ folder, requests: ids, answers }, null, 2));
  else tell(folder, ids, answers);
  refuseRefused(answers);
}

/** In the order in which they make sense: what is changed is saved, and saved before it ends. */
function wishesOf({ set, save, stop, reorder }: SteerOptions): Wish[] {
  const via = "command" as const;
  const settings = Object.fromEntries((set ?? []).map(assignmentFrom).map(({ key, value }) => [key, value]));
  const wishes: Wish[] = [
    ...(set ? [{ act: "set" as const, settings: settings as Extract<Wish, { act: "set" }>["settings"], via }] : []),
    ...(reorder ? [{ act: "reorder" as const, via }] : []),
    ...(save ? [{ act: "save" as const, via }] : []),
    ...(stop ? [{ act: "stop" as const, via }] : []),
  ];
  if (wishes.length > 0) return wishes;
  throw new SelfsightError(
    "configuration",
    "steer: nothing was asked for; --set, --save, --stop or --reorder is needed; `selfsight steer --help` has examples",
  );
}

function tell(folder: string, ids: readonly string[], answers: readonly ActEvent[]): void {
  for (const answer of answers) if (answer.act !== "refused") console.log(describeAct(answer));
  const open = ids.length - answers.length;
  if (open > 0)
    console.log(
      `${open === 1 ? "the request waits" : `${open} requests wait`} in ${displayName(folder)}; the run answers between two steps, and its log has the answer`,
    );
}

function refuseRefused(answers: readonly ActEvent[]): void {
  const refused = answers.find(({ act }) => act === "refused");
  if (refused) throw new SelfsightError("configuration", refused.reason ?? "steer: the request was refused");
}
