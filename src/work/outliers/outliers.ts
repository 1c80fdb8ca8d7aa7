import type { Model } from "../model.ts";
import { withOpen } from "../open-work.ts";
import type { ResultOptions, Written } from "../results/write-results.ts";
import { type OutlierOptions, type Outliers, outliersOf } from "./find.ts";
import { writeOutliers } from "./page.ts";

/**
 * Pictures that are unlike all others: those far from even their nearest neighbours (mean distance 1 - cosine of features; Ramaswamy et
 * al. 2000). Beyond Tukey's fence they count as outliers. `split` is "all" by default.
 *
 * @throws SelfsightError "data" for fewer than three pictures, "checkpoint", "storage".
 */
export const findOutliers = (
  source: string | Model,
  data: string,
  options: OutlierOptions & ResultOptions = {},
): Promise<Outliers & Written> =>
  withOpen(source, data, { split: "all", ...options }, async (work) => {
    const found = await outliersOf(work, options);
    return options.out === undefined ? found : { ...found, written: await writeOutliers(options.out, found, work) };
  });
