import type { Model } from "../model.ts";
import { withOpen } from "../open-work.ts";
import type { ResultOptions, Written } from "../results/write-results.ts";
import { type ClusterOptions, type Clusters, clustersOf } from "./find.ts";
import { writeClusters } from "./page.ts";

/**
 * Groups of pictures that are alike to the network: k-means on directions of features, `k` given or chosen by the silhouette. The same
 * pictures, network and seed give the same groups. `split` is "all" by default.
 *
 * @throws SelfsightError "data" for fewer pictures than groups, "checkpoint", "storage".
 */
export const clusterPictures = (
  source: string | Model,
  data: string,
  options: ClusterOptions & ResultOptions = {},
): Promise<Clusters & Written> =>
  withOpen(source, data, { split: "all", ...options }, async (work) => {
    const found = await clustersOf(work, options);
    return options.out === undefined ? found : { ...found, written: await writeClusters(options.out, found, work) };
  });
