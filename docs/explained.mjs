#!/usr/bin/env node
// The small figures of docs/explained.md, each in a second: N images, D features, K prototypes.
//   node docs/explained.mjs twins|branches|halves|codes|floor
import {
  barlowTwinsFloor,
  barlowTwinsLoss,
  byolLoss,
  mocoLoss,
  ntXentLoss,
  simsiamLoss,
  sinkhornCodes,
  swavLoss,
  vicregLoss,
} from "selfsight/methods";
import { cat, manualSeed, noGrad, randn, scope, tensor } from "selfsight/torch";

const lambda = 0.0051;
const temperature = 0.5;

/** Embeddings of two views that agree up to some noise, 2 x [N, D]. */
function viewsOf(images, features) {
  const shared = randn([images, features]);
  return [0, 1].map(() => shared.add(randn([images, features]).mul(0.5)));
}

const bothLosses = ([zA, zB]) => ({
  "Barlow Twins": barlowTwinsLoss(zA, zB, { lambda }).loss.item(),
  SimCLR: ntXentLoss(zA, zB, { temperature }).loss.item(),
});

/** What the losses say when every image, or every feature, stands in the batch twice. */
function twins() {
  const views = viewsOf(256, 128);
  const doubled = (dim) => views.map((view) => cat([view, view], dim));
  return [
    { batch: "256 images, 128 features", ...bothLosses(views) },
    { batch: "every image twice", ...bothLosses(doubled(0)) },
    { batch: "every feature twice", ...bothLosses(doubled(1)) },
  ];
}

/** Where one term of a loss sends its gradient: the norms at its two inputs. */
function branches() {
  const unit = (rows) => rows.div(rows.square().sum({ dim: 1, keepDim: true }).sqrt());
  const queue = unit(randn([64, 32]));
  const prototypes = unit(randn([16, 32]));
  const scores = (z) => unit(z).matmul(prototypes.T);
  const terms = {
    "Barlow Twins": (a, b) => barlowTwinsLoss(a, b, { lambda }),
    VICReg: (a, b) => vicregLoss(a, b, { invariance: 25, variance: 25, covariance: 1 }),
    SimCLR: (a, b) => ntXentLoss(a, b, { temperature }),
    SwAV: (a, b) => swavLoss([scores(a), scores(b)], { temperature: 0.1, epsilon: 0.05, iterations: 3 }),
    "MoCo v2": (a, b) => mocoLoss(a, b, queue, { temperature }),
    BYOL: (a, b) => byolLoss([[a, b]]),
    SimSiam: (a, b) => simsiamLoss([[a, b]]),
  };
  const views = viewsOf(64, 32);
  return Object.entries(terms).map(([method, term]) => ({ method, ...gradientNorms(term, views) }));
}

function gradientNorms(term, views) {
  const [a, b] = views.map((view) => view.detach().clone().requiresGrad_());
  term(a, b).loss.backward();
  const norm = ({ grad }) => (grad ? grad.square().sum().sqrt().item() : 0);
  return { "gradient at one branch": norm(a), "at the other": norm(b) };
}

/** Barlow Twins' gradient at the weights of one layer, through one branch and through the other: how alike, by batch size. */
function halves() {
  const [inputs, features] = [64, 128];
  const weight = randn([inputs, features]).div(Math.sqrt(inputs)).requiresGrad_();
  const scales = tensor(
    Float32Array.from({ length: inputs }, (_, i) => 1 / Math.sqrt(1 + i)),
    [1, inputs],
  );
  return [64, 256, 1024, 4096, 16384].map((images) => {
    const shared = randn([images, inputs]).mul(scales);
    const views = [0, 1].map(() => shared.add(randn([images, inputs]).mul(0.25)));
    const [throughA, throughB] = [0, 1].map((branch) => gradientThrough(branch, views, weight));
    const norm = (gradient) => gradient.norm().item();
    return {
      "batch, images": images,
      "cosine of the two gradients": throughA.mul(throughB).sum().item() / norm(throughA) / norm(throughB),
      "one branch's norm, of the whole's": norm(throughA) / norm(throughA.add(throughB)),
    };
  });
}

function gradientThrough(branch, views, weight) {
  weight.clearGrad();
  const embeddings = views.map((view) => view.matmul(weight)); // 2 x [N, D]
  const [zA, zB] = embeddings.map((z, i) => (i === branch ? z : z.detach()));
  barlowTwinsLoss(zA, zB, { lambda }).loss.backward();
  return weight.grad.clone();
}

/** Share of a batch's codes that the first of K prototypes takes, where all images lie near it. */
function codes() {
  const scores = randn([256, 16]).mul(0.1); // [N, K] cosines
  noGrad(() => scores.narrow(1, 0, 1).add_(0.6));
  const first = (rows) => rows.narrow(1, 0, 1).mean().item();
  return [
    { codes: "softmax(scores / 0.05)", "share of the first prototype": first(scores.div(0.05).softmax(1)) },
    ...[1, 3, 10].map((iterations) => ({
      codes: `Sinkhorn, ${iterations} rounds`,
      "share of the first prototype": first(sinkhornCodes(scores, { epsilon: 0.05, iterations })),
    })),
    { codes: "equal use", "share of the first prototype": 1 / 16 },
  ];
}

/** The loss of embeddings with nothing in common between features, both views equal, beside the formula. */
function floor() {
  const sizes = [
    [256, 512],
    [256, 2048],
    [1024, 2048],
  ];
  return sizes.map(([images, features]) => {
    const z = randn([images, features]);
    const { loss } = barlowTwinsLoss(z, z, { lambda });
    return { N: images, D: features, loss: loss.item(), floor: barlowTwinsFloor(lambda, features, images) };
  });
}

const figures = { twins, branches, halves, codes, floor };

/** The rows of one figure, from one seed. */
export const figureOf = (name) => {
  manualSeed(0);
  return scope(figures[name]);
};

if (process.argv[1]?.endsWith("explained.mjs")) {
  const wanted = process.argv[2];
  if (!Object.hasOwn(figures, wanted ?? "")) {
    console.error(`explained: ${wanted ?? "nothing"}; one of ${Object.keys(figures).join(", ")} is needed`);
    process.exit(2);
  }
  console.table(figureOf(wanted));
}
