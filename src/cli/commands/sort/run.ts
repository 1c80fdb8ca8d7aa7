import { relative } from "node:path";
import { displayName, SelfsightError } from "../../../errors.ts";
import { type CarriedOut, undoSort } from "../../../work/sorting/carry-out.ts";
import { groupsOf, sortFacts } from "../../../work/sorting/page.ts";
import type { SortOptions } from "../../../work/sorting/plan.ts";
import { type Sorted, sortPictures } from "../../../work/sorting/sort.ts";
import { type AtWorkOptions, atWork } from "../../terminal/at-work.ts";
import { warn } from "../../terminal/warn.ts";
import { sayWritten } from "../../terminal/written.ts";

type CommandOptions = AtWorkOptions &
  Pick<SortOptions, "labels" | "sure" | "k" | "seed" | "index"> & {
    into?: string | undefined;
    go?: true | undefined;
    link?: true | undefined;
    undo?: string | undefined;
  };

/** `selfsight sort RUN_OR_WEIGHTS DATA --into FOLDER [--go]`, and `selfsight sort --undo LIST`. */
export async function sort(
  source: string | undefined,
  data: string | undefined,
  options: CommandOptions,
): Promise<void> {
  refuseMixed(source, options);
  if (options.undo !== undefined) return sayUndone(undoSort(options.undo), options);
  const { into } = options;
  if (source === undefined || data === undefined || into === undefined)
    throw new SelfsightError(
      "configuration",
      "sort: a network, a folder and --into are needed; see `selfsight sort --help`",
    );
  const { go, link, ...others } = options;
  const sorted = await atWork(others, (given) =>
    sortPictures(source, data, { ...given, into, go: go && (link ? "link" : "move") }),
  );
  if (options.json) sayJson(sorted);
  else say(sorted, options);
}

/** An option that does nothing must not look as if it did. */
function refuseMixed(
  source: string | undefined,
  { undo, link, go, labels, sure, k, seed, into }: CommandOptions,
): void {
  const refuse = (text: string) => {
    throw new SelfsightError("configuration", `sort: ${text}`);
  };
  if (undo !== undefined && (source ?? go ?? into ?? labels) !== undefined)
    refuse("--undo with something to sort; one of both is needed; undo alone");
  if (link && !go)
    refuse("--link without --go; links are made when the plan is carried out; add --go, or leave it out");
  if (labels === undefined && sure !== undefined)
    refuse("--sure without --labels; groups have no confidence; leave it out");
  if (labels !== undefined && (k ?? seed) !== undefined)
    refuse("--k or --seed with --labels; the labels say how many classes there are; leave it out");
}

function sayJson({ carriedOut, written, ...plan }: Sorted): void {
  console.log(
    JSON.stringify({ ...sortFacts(plan), ...(carriedOut && { carriedOut }), ...(written && { written }) }, null, 2),
  );
}

/** As a person would type it from here. */
function typed(path: string): string {
  const fromHere = relative(".", path);
  return displayName(fromHere.startsWith("..") ? path : fromHere || ".");
}

function say(sorted: Sorted, { link }: CommandOptions): void {
  const { moves, left, into, carriedOut, written } = sorted;
  for (const [group, count] of groupsOf(sorted))
    console.log(`  ${String(count).padStart(6)}  ${typed(into)}/${displayName(group)}/`);
  if (left > 0) console.log(`  ${String(left).padStart(6)}  stay where they are, because nobody can be sure of them`);
  if (!carriedOut) console.log(`${moves.length} files would move; nothing was touched; add --go to do it`);
  else {
    sayRefused(carriedOut);
    console.log(
      `${carriedOut.done} files ${link ? "linked" : "moved"}; to undo it: selfsight sort --undo ${typed(carriedOut.undoList)}`,
    );
  }
  sayWritten(written);
}

const sayRefused = ({ refused }: CarriedOut): void => {
  for (const { name, reason } of refused) warn(`${displayName(name)} stays: ${reason}`);
};

function sayUndone(undone: CarriedOut, { json }: CommandOptions): void {
  if (json) console.log(JSON.stringify(undone, null, 2));
  else {
    sayRefused(undone);
    console.log(`${undone.done} files are where they were`);
  }
}
