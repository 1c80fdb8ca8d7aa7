import type { Model } from "../model.ts";
import { withOpen } from "../open-work.ts";
import type { ResultOptions, Written } from "../results/write-results.ts";
import { type Classified, type ClassifyOptions, classifiedOf } from "./find.ts";
import { writeClassified } from "./page.ts";

/**
 * The class of every picture that has no label, from the few that have one, with a confidence that was tested on those; and which ten
 * labels more would teach most. `split` is "all" by default.
 *
 * @throws SelfsightError "data" for labels of fewer than two classes or of pictures that are not there, "checkpoint", "storage".
 */
export const classifyPictures = (
  source: string | Model,
  data: string,
  options: ClassifyOptions & ResultOptions,
): Promise<Classified & Written> =>
  withOpen(source, data, { split: "all", ...options }, async (work) => {
    const found = await classifiedOf(work, options);
    return options.out === undefined ? found : { ...found, written: await writeClassified(options.out, found, work) };
  });
