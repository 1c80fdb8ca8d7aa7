// Archives at addresses: fetched once into the cache, and read from there.
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { cacheFolder } from "../../../setup/cache.mjs";
import { displayName, SelfsightError } from "../../errors.ts";
import { makeFolder } from "../../files.ts";
import { type DownloadOptions, fetchFile } from "../sources/fetch-file.ts";
import { braced } from "./find.ts";
import { isShard, type ShardSet, shardEndings } from "./shards.ts";

export const isAddress = (source: string): boolean => /^https?:\/\//i.test(source);

/** A server that sends more is not the one that is meant. */
const maximumBytes = 2 ** 36;
const advice = "check address and connection; what has come is kept, and the same command goes on.";

/**
 * The archives at an address, or at each that a pattern in braces means. `#sha256=DIGEST` behind an address is compared.
 *
 * @throws SelfsightError "data", naming the address without its query; "configuration" for one that is no archive's.
 */
export async function fetchedShards(source: string, options: DownloadOptions): Promise<ShardSet> {
  const paths: string[] = [];
  for (const address of braced(source)) paths.push(await fetched(urlOf(address), options));
  return { name: basename(urlOf(braced(source)[0]!).pathname), root: join(cacheFolder("datasets"), "shards"), paths };
}

function urlOf(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url && isShard(url.pathname)) return url;
  const shown = displayName(url ? `${url.origin}${url.pathname}` : address);
  throw new SelfsightError(
    "configuration",
    `opening ${shown}: not the address of an archive; one that ends in ${shardEndings.join(", ")} is needed; fetch other files yourself`,
  );
}

async function fetched(url: URL, options: DownloadOptions): Promise<string> {
  const sha256 = /^#sha256=([0-9a-f]{64})$/i.exec(url.hash)?.[1]?.toLowerCase();
  const key = createHash("sha256").update(url.href).digest("hex").slice(0, 16);
  const folder = join(cacheFolder("datasets"), "shards", key);
  const target = join(folder, basename(url.pathname));
  if (await stat(target).catch(() => undefined)) return target;
  makeFolder(folder);
  await fetchFile({ url: url.href.slice(0, url.href.length - url.hash.length), sha256 }, target, {
    ...options,
    maximumBytes,
    advice,
  });
  return target;
}
