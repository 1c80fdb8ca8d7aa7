import type { Model } from "../model.ts";
import { withOpen } from "../open-work.ts";
import type { ResultOptions, Written } from "../results/write-results.ts";
import { type DuplicateOptions, type Duplicates, duplicatesOf } from "./find.ts";
import { writeDuplicates } from "./page.ts";

/**
 * Pictures that are there more than once: with equal bytes, with equal pixels, or as copies that were resized, recompressed, mirrored or
 * slightly cropped. The network says which may be alike; whether they are is seen in their pixels. `split` is "all" by default.
 *
 * @throws SelfsightError "data" where there are no pictures, "checkpoint" for what is no network, "storage".
 */
export const findDuplicates = (
  source: string | Model,
  data: string,
  options: DuplicateOptions & ResultOptions = {},
): Promise<Duplicates & Written> =>
  withOpen(source, data, { split: "all", ...options }, async (work) => {
    const found = await duplicatesOf(work, options);
    return options.out === undefined ? found : { ...found, written: await writeDuplicates(options.out, found, work) };
  });
