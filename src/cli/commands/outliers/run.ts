import { displayName } from "../../../errors.ts";
import type { OutlierOptions } from "../../../work/outliers/find.ts";
import { findOutliers } from "../../../work/outliers/outliers.ts";
import { describeOutliers, outlierFacts, outlierMethod } from "../../../work/outliers/page.ts";
import { type AtWorkOptions, atWork } from "../../terminal/at-work.ts";
import { sayWritten } from "../../terminal/written.ts";

const mostShown = 10;

/** `selfsight outliers RUN_OR_WEIGHTS DATA`. */
export async function outliers(
  source: string,
  data: string,
  options: AtWorkOptions & Pick<OutlierOptions, "neighbours" | "index">,
): Promise<void> {
  const { written, ...found } = await atWork(options, (given) => findOutliers(source, data, given));
  if (options.json) {
    console.log(JSON.stringify({ ...outlierFacts(found), ...(written && { written }) }, null, 2));
    return;
  }
  console.log(describeOutliers(found));
  for (const { name, distance, isOutlier } of found.ranked.slice(0, mostShown))
    console.log(`  ${distance.toFixed(3)}  ${displayName(name)}${isOutlier ? "" : "  (within the limit)"}`);
  console.log(outlierMethod(found));
  sayWritten(written);
}
