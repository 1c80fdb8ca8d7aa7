#!/usr/bin/env node
// The sheet of docs/evaluate.md: fifteen corruptions at five strengths of one picture, three to a row.
//   node bench/corruptions.mjs [PICTURE] [--size 224] [--tile 64] [--out docs/corruptions.jpg]     after `npm run build`
import { parseArgs } from "node:util";
import sharp from "sharp";
import { corrupted } from "../dist/evaluate/corruptions/corrupt.js";
import { corruptionNames } from "../dist/evaluate/corruptions/strengths.js";

const { values: chosen, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: "string", default: "224" },
    tile: { type: "string", default: "64" },
    out: { type: "string", default: "docs/corruptions.jpg" },
  },
});
const [size, tile] = [Number(chosen.size), Number(chosen.tile)];

/** A landscape, so that no photograph need be there. */
const scene = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="224" height="224">
<defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="#4a8ed8"/><stop offset="1" stop-color="#cfe4f2"/></linearGradient></defs>
<rect width="224" height="224" fill="url(#sky)"/><circle cx="178" cy="42" r="20" fill="#ffd84a"/>
<path d="M0 130 L60 80 L110 125 L165 70 L224 128 V224 H0Z" fill="#6f8a6a"/><rect y="150" width="224" height="74" fill="#4f8f3a"/>
<rect x="70" y="120" width="72" height="62" fill="#b8533b"/><path d="M62 122 L106 86 L150 122Z" fill="#5b3a2e"/>
<rect x="82" y="134" width="18" height="18" fill="#f4ecc8"/><rect x="114" y="146" width="16" height="36" fill="#3b2a22"/>
<rect x="176" y="130" width="9" height="48" fill="#5a3d25"/><circle cx="180" cy="118" r="24" fill="#2f6b2c"/>
<path d="M0 214 Q60 196 118 182 L130 182 Q110 200 96 224 H0Z" fill="#c9b48a"/></svg>`);

const area = size * size;
const raw = { width: size, height: size, channels: 3 };
const data = await sharp(positionals[0] ?? scene)
  .resize(size, size, { fit: "cover" })
  .removeAlpha()
  .raw()
  .toBuffer();
const planes = Float32Array.from({ length: 3 * area }, (_, i) => data[(i % area) * 3 + Math.floor(i / area)] / 255);

async function tileOf(name, strength) {
  const found = await corrupted({ planes, size }, name, strength, { seed: 0, sample: 0 });
  const bytes = Uint8Array.from({ length: 3 * area }, (_, i) =>
    Math.round(255 * found.planes[(i % 3) * area + Math.floor(i / 3)]),
  );
  return sharp(bytes, { raw }).resize(tile, tile).png().toBuffer();
}

const tiles = [];
for (const [place, name] of corruptionNames.entries())
  for (const strength of [1, 2, 3, 4, 5])
    tiles.push({
      input: await tileOf(name, strength),
      left: (place % 3) * (5 * tile + 8) + (strength - 1) * tile,
      top: Math.floor(place / 3) * (tile + 4),
    });
const sheet = { width: 3 * (5 * tile + 8) - 8, height: 5 * (tile + 4) - 4, channels: 3, background: "white" };
await sharp({ create: sheet }).composite(tiles).jpeg({ quality: 80 }).toFile(chosen.out);
