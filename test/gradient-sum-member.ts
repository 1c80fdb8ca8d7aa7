// One process of several that sum their gradients in buckets: node gradient-sum-member.ts OUT. Each parameter is a bucket of its own.
import { writeFileSync } from "node:fs";
import { joinTeam, launchFrom } from "../src/distributed/index.ts";
import { openGradientSum } from "../src/torch/index.ts";
import { gradientsOf, layersOf, lossOf } from "./gradient-sum.ts";

const team = joinTeam(launchFrom(process.env)!, 60);
const layers = layersOf();
const shared = layers.map((parameter, i) => ({ parameter, isWhole: i === 5 }));
const sum = openGradientSum([shared.slice(5), shared.slice(0, 5)], team.group, 1);
const early: number[] = [];
const found: number[][][] = [];
for (const pass of [0, 1]) {
  sum.open(1);
  if (pass === 0) sum.open(2); // in the second pass the trunk's stay closed, as in one that goes on in parts
  lossOf(layers, team.rank).backward();
  early.push(sum.finish());
  found.push(gradientsOf(layers));
  for (const layer of layers) layer.clearGrad();
}
if (team.isLeader) writeFileSync(process.argv[2]!, JSON.stringify({ early, found }));
sum.close();
