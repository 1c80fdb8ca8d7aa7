// Plants copies of pictures beside other pictures, and counts which of them `selfsight duplicates` found.
//
//   node bench/planted-duplicates.mjs plant TO FOLDER...     copies of the pictures of folders: resized, recompressed, mirrored, cropped
//   node bench/planted-duplicates.mjs score TO DUPLICATES.json [00270=00404 ...]     originals that are one picture, judged by eye
//
// Every second picture is planted: itself and four copies. The others stay alone, as what must not be paired.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import sharp from "sharp";

const isPicture = (name) => /\.(jpe?g|png)$/i.test(name);

/** Each copy of a picture [width, height] as bytes. */
const copies = {
  resized: (picture, { width }) => picture.resize(Math.round(0.6 * width)).jpeg({ quality: 90 }),
  recompressed: (picture) => picture.jpeg({ quality: 40 }),
  mirrored: (picture) => picture.flop().jpeg({ quality: 90 }),
  cropped(picture, { width, height }, [x, y]) {
    const [w, h] = [Math.round(0.9 * width), Math.round(0.9 * height)];
    return picture
      .extract({ left: Math.round(x * (width - w)), top: Math.round(y * (height - h)), width: w, height: h })
      .jpeg({ quality: 90 });
  },
};

async function plant(to, folders) {
  mkdirSync(to, { recursive: true });
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .filter(isPicture)
      .map((name) => join(folder, name)),
  );
  files.sort((a, b) => (basename(a) < basename(b) ? -1 : 1));
  for (const [i, file] of files.entries()) {
    const id = String(i).padStart(5, "0");
    const bytes = readFileSync(file);
    const { data, info } = await sharp(bytes)
      .autoOrient()
      .removeAlpha()
      .toColourspace("srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
    const pixels = () => sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } });
    writeFileSync(join(to, `${id}-original.jpg`), await pixels().jpeg({ quality: 92 }).toBuffer());
    if (i % 2 === 1) continue;
    const place = [...createHash("sha256").update(id).digest().subarray(0, 2)].map((byte) => byte / 255);
    for (const [kind, make] of Object.entries(copies))
      writeFileSync(join(to, `${id}-${kind}.jpg`), await make(pixels(), info, place).toBuffer());
  }
  console.log(
    `${files.length} pictures, ${Math.ceil(files.length / 2)} of them with ${Object.keys(copies).length} copies, in ${to}`,
  );
}

function score(to, report, same) {
  const { groups } = JSON.parse(readFileSync(report, "utf8"));
  const groupOf = new Map(groups.flatMap(({ pictures }, group) => pictures.map(({ name }) => [name, group])));
  const planted = readdirSync(to).filter((name) => isPicture(name) && !name.endsWith("-original.jpg"));
  const found = planted.filter((name) => {
    const group = groupOf.get(name);
    return group !== undefined && group === groupOf.get(`${name.slice(0, 5)}-original.jpg`);
  });
  const byKind = Object.keys(copies).map((kind) => {
    const of = planted.filter((name) => name.endsWith(`-${kind}.jpg`)).length;
    return [kind, `${found.filter((name) => name.endsWith(`-${kind}.jpg`)).length} of ${of}`];
  });
  const pairs = groups.flatMap(({ pictures }) =>
    pictures.flatMap((a, i) => pictures.slice(i + 1).map((b) => [a.name, b.name])),
  );
  const isOne = new Set(same.flatMap((pair) => [pair, pair.split("=").reverse().join("=")]));
  const isFalse = ([a, b]) => a.slice(0, 5) !== b.slice(0, 5) && !isOne.has(`${a.slice(0, 5)}=${b.slice(0, 5)}`);
  const wrong = pairs.filter(isFalse);
  console.log(
    JSON.stringify(
      {
        found: `${found.length} of ${planted.length}`,
        recall: found.length / planted.length,
        ...Object.fromEntries(byKind),
        pairs: pairs.length,
        falsePairs: wrong.length,
        falseShare: wrong.length / Math.max(1, pairs.length),
        ofOriginals: [...new Set(wrong.map(([a, b]) => [a.slice(0, 5), b.slice(0, 5)].sort().join(" and ")))],
      },
      null,
      2,
    ),
  );
}

const [command, to, ...rest] = process.argv.slice(2);
if (command === "plant") await plant(to, rest);
else if (command === "score") score(to, rest[0], rest.slice(1));
else {
  console.error("plant TO FOLDER... or score TO DUPLICATES.json");
  process.exitCode = 2;
}
