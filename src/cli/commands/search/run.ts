import { displayName } from "../../../errors.ts";
import { searchFacts, writeSearch } from "../../../work/search/page.ts";
import { searchIndex } from "../../../work/search/search.ts";
import { warn } from "../../terminal/warn.ts";
import { sayWritten } from "../../terminal/written.ts";

export interface SearchOptions {
  count?: number | undefined;
  network?: string | undefined;
  out?: string | undefined;
  json?: true | undefined;
}

/** `selfsight search INDEX IMAGE...`. */
export async function search(
  index: string,
  images: string[],
  { count, network, out, json }: SearchOptions,
): Promise<void> {
  const result = await searchIndex(index, images, { count, network, precision: "fp32", warn });
  const written = out === undefined ? undefined : await writeSearch(out, result);
  if (json) console.log(JSON.stringify({ ...searchFacts(result), ...(written && { written }) }, null, 2));
  else {
    for (const { query, nearest } of result.queries) {
      console.log(`most like ${displayName(query)}:`);
      for (const { name, similarity } of nearest) console.log(`  ${similarity.toFixed(3)}  ${displayName(name)}`);
    }
    sayWritten(written);
  }
}
