// How long a folder of many pictures takes to list, look into and fingerprint.  node bench/listing.mjs FOLDER [COUNT]
// FOLDER is made, with COUNT pictures (default 1,000,000) in sub-folders of 1,000, all links to one file; it is for the caller to remove.
import { linkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import sharp from "sharp";
import { openDataset } from "../dist/data/index.js";

const [folder, count = "1000000"] = process.argv.slice(2);
if (folder === undefined) throw new Error("a folder to make is needed: node bench/listing.mjs FOLDER [COUNT]");
const picture = await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } })
  .png()
  .toBuffer();
for (let place = 0; place < Number(count); place++) {
  const own = join(folder, `c${Math.floor(place / 1000)}`);
  if (place % 1000 === 0) {
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, "0.png"), picture);
  } else linkSync(join(own, "0.png"), join(own, `${place % 1000}.png`));
}
await setTimeout(3000); // a folder that changed just now may change again without showing it, and is not believed the next time
for (const turn of [1, 2]) {
  const startedAt = performance.now();
  const { length } = await openDataset(folder);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${turn}: ${length} pictures in ${seconds} s, ${Math.round(process.memoryUsage().rss / 1e6)} MB`);
}
