import type { Model } from "../model.ts";
import { withOpen } from "../open-work.ts";
import type { ResultOptions, Written } from "../results/write-results.ts";
import { type CarriedOut, carryOut, type Way } from "./carry-out.ts";
import { writeSortPlan } from "./page.ts";
import { planOf, type SortOptions, type SortPlan } from "./plan.ts";

export interface GoOptions {
  /** Do it: move files, or make links to them. Default: only the plan is made. */
  go?: Way | undefined;
}

/** A plan, and what became of it where it was carried out. */
export interface Sorted extends SortPlan, Written {
  carriedOut?: (CarriedOut & { undoList: string }) | undefined;
}

/**
 * Sorts the files of a folder into sub-folders of `into`, by class where labels are given, else by groups that are alike. By itself it
 * makes a plan and touches nothing; `go` carries it out. No file is overwritten, and `undoSort` of the list that it writes leads back.
 *
 * @throws SelfsightError "data", "configuration" for pictures that are no files, "checkpoint", "storage".
 */
export const sortPictures = (
  source: string | Model,
  data: string,
  options: SortOptions & ResultOptions & GoOptions,
): Promise<Sorted> =>
  withOpen(source, data, { split: "all", ...options }, async (work) => {
    const plan = await planOf(work, options);
    const written = options.out === undefined ? undefined : await writeSortPlan(options.out, plan, work);
    const carriedOut = options.go && carryOut(plan, options.go);
    return { ...plan, ...(written && { written }), ...(carriedOut && { carriedOut }) };
  });
