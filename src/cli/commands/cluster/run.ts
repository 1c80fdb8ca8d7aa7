import { displayName } from "../../../errors.ts";
import { clusterPictures } from "../../../work/clusters/clusters.ts";
import type { ClusterOptions } from "../../../work/clusters/find.ts";
import { chosenText, clusterFacts } from "../../../work/clusters/page.ts";
import { type AtWorkOptions, atWork } from "../../terminal/at-work.ts";
import { sayWritten } from "../../terminal/written.ts";

const mostNames = 3;

/** `selfsight cluster RUN_OR_WEIGHTS DATA`. */
export async function cluster(
  source: string,
  data: string,
  options: AtWorkOptions & Pick<ClusterOptions, "k" | "seed" | "index">,
): Promise<void> {
  const { written, ...found } = await atWork(options, (given) => clusterPictures(source, data, given));
  if (options.json) {
    console.log(JSON.stringify({ ...clusterFacts(found), ...(written && { written }) }, null, 2));
    return;
  }
  console.log(`${found.pictures} pictures of ${displayName(found.data)} in ${chosenText(found)}`);
  for (const [number, { pictures }] of found.clusters.entries()) {
    const names = pictures.slice(0, mostNames).map(({ name }) => displayName(name));
    console.log(`  group ${number}: ${pictures.length} pictures, most typical ${names.join(", ")}`);
  }
  sayWritten(written);
}
