#!/usr/bin/env node
// How well figures without labels order trunks as kNN with labels does: every method of methods-quick trained for several numbers of pictures,
// then RankMe, alignment, uniformity and effective rank beside kNN, and their rank correlations. The same command goes on after a stop.
//   node bench/unlabelled.mjs --data cifar10 --out compared/unlabelled [--images 4000,12000,36000] [--seeds 0]     after `npm run build`
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { plans } from "../dist/compare/index.js";
import { kendall, spearman } from "../dist/evaluate/index.js";
import { evaluate } from "../dist/index.js";

const { values: chosen } = parseArgs({
  options: {
    data: { type: "string", default: "cifar10" },
    out: { type: "string" },
    images: { type: "string", default: "4000,12000,36000" },
    seeds: { type: "string", default: "0" },
    /** Pictures of each split that are trained on and measured. */
    limit: { type: "string", default: "5000" },
  },
});
if (!chosen.out) {
  console.error("unlabelled: no --out; a folder for the runs is needed; give --out compared/unlabelled");
  process.exit(2);
}

const limit = Number(chosen.limit);
const { base, rows } = plans["methods-quick"];
const plan = {
  title: "Figures without labels beside kNN",
  data: chosen.data,
  base: { ...base, limit },
  rows: chosen.images
    .split(",")
    .flatMap((images) =>
      rows
        .filter(({ method }) => method !== "supervised")
        .map((row) => ({ ...row, label: `${row.method} ${images}`, budget: { images: Number(images) } })),
    ),
  seeds: chosen.seeds.split(",").map(Number),
  budget: { images: 1 },
  evaluations: { knn: {} },
};

mkdirSync(chosen.out, { recursive: true });
writeFileSync(join(chosen.out, "plan.json"), JSON.stringify(plan, null, 1));
const cli = fileURLToPath(new URL("../bin/selfsight.mjs", import.meta.url));
const { status } = spawnSync(process.execPath, [cli, "compare", join(chosen.out, "plan.json"), "--out", chosen.out], {
  stdio: "inherit",
});
if (status !== 0) process.exit(status ?? 1);

const found = [];
for (const name of readdirSync(join(chosen.out, "cells")).sort()) {
  const folder = join(chosen.out, "cells", name);
  if (!existsSync(join(folder, "result.json"))) continue;
  found.push({ name: name.replace(/-[0-9a-f]{8}$/, ""), ...(await measured(folder)) });
}

/** kNN from the cell, the rest measured once and kept beside it. */
async function measured(folder) {
  const kept = join(folder, "unlabelled.json");
  const knn = JSON.parse(readFileSync(join(folder, "result.json"), "utf8")).evaluations[0].value;
  if (!existsSync(kept))
    writeFileSync(kept, JSON.stringify(await evaluate(folder, "unlabelled", chosen.data, { limit: 2000 })));
  const { rankMe, alignment, uniformity, dimensions } = JSON.parse(readFileSync(kept, "utf8"));
  return { knn, rankMe, alignment, uniformity, sum: alignment + uniformity, dimensions };
}

const column = (key) => found.map((own) => own[key]);
console.log(`\n${found.length} trunks, ${chosen.data}, ${limit} pictures a split\n`);
console.log("| trunk | kNN, % | RankMe | alignment | uniformity |\n| --- | --- | --- | --- | --- |");
for (const own of [...found].sort((a, b) => b.knn - a.knn))
  console.log(
    `| ${own.name} | ${(100 * own.knn).toFixed(1)} | ${own.rankMe.toFixed(1)} | ${own.alignment.toFixed(3)} | ${own.uniformity.toFixed(3)} |`,
  );
console.log("\n| figure | Spearman's rho with kNN | Kendall's tau |\n| --- | --- | --- |");
/** Better is larger. */
const figures = {
  RankMe: (own) => own.rankMe,
  "-alignment": (own) => -own.alignment,
  "-uniformity": (own) => -own.uniformity,
  "-(alignment + uniformity)": (own) => -own.sum,
};
for (const [name, figure] of Object.entries(figures)) {
  const values = found.map(figure);
  console.log(
    `| ${name} | ${spearman(values, column("knn")).toFixed(2)} | ${kendall(values, column("knn")).toFixed(2)} |`,
  );
}
