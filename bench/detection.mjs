// One training step of a Faster R-CNN on a C4 trunk, ours and torchvision's, in turns on the same libtorch:
//   SELFSIGHT_LIBTORCH=debian node bench/detection.mjs --python /usr/bin/python3 [--backbone resnet18] [--size 320] [--images 2] [--boxes 128] [--rounds 3]
// Both in float32 with as many threads as OMP_NUM_THREADS says. Medians of each, and the ratio of the processor's time, which a crowded
// machine disturbs less than the clock's.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const text = { type: "string" };
const { values } = parseArgs({
  options: {
    python: text,
    backbone: text,
    size: text,
    images: text,
    boxes: text,
    rounds: text,
    steps: text,
    own: { type: "boolean" },
  },
});
const {
  python = "python3",
  backbone = "resnet18",
  size = "320",
  images = "2",
  boxes = "128",
  rounds = "3",
  steps = "3",
} = values;
const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

if (values.own) console.log(JSON.stringify(await ownStep()));
else {
  const found = { ours: [], theirs: [] };
  for (let round = 0; round < Number(rounds); round++) {
    found.ours.push(
      JSON.parse(
        execFileSync(process.execPath, [fileURLToPath(import.meta.url), "--own", ...process.argv.slice(2)], {
          encoding: "utf8",
        }),
      ),
    );
    const script = fileURLToPath(new URL("peers/detector_step_torchvision.py", import.meta.url));
    found.theirs.push(
      JSON.parse(execFileSync(python, [script, backbone, size, images, boxes, steps], { encoding: "utf8" })),
    );
  }
  const medianOf = (side, key) => median(found[side].map((row) => row[key]));
  const ratio = (key) => Number((medianOf("theirs", key) / medianOf("ours", key)).toFixed(2));
  console.log(
    JSON.stringify(
      { ...found, timesAsFast: { byProcessor: ratio("processorSeconds"), byClock: ratio("wallSeconds") } },
      null,
      1,
    ),
  );
}

async function ownStep() {
  const [{ Detector, usualDetector }, { resnet, namedParameters, sgd }, torch] = await Promise.all(
    ["detect", "nn", "torch"].map((room) => import(new URL(`../dist/${room}/index.js`, import.meta.url))),
  );
  if (process.env.OMP_NUM_THREADS) torch.threads(Number(process.env.OMP_NUM_THREADS));
  torch.manualSeed(0);
  const side = Number(size);
  const options = usualDetector(16, { classes: 20, hasMasks: false });
  options.proposals = { ...options.proposals, preNms: { training: 2000 }, postNms: { training: 1000 }, beta: 1 / 9 };
  options.boxes = { ...options.boxes, sample: { size: Number(boxes), positiveShare: 0.25 }, beta: 1 / 9 };
  const network = new Detector(resnet(backbone, { stem: "imagenet" }), options);
  const optimizer = sgd([{ name: "all", parameters: namedParameters(network), learningRate: 1e-4, weightDecay: 1e-4 }]);
  const pictures = torch.rand([Number(images), 3, side, side]).contiguous("channels_last");
  const truth = [20, 30, side * 0.6, side * 0.7, side * 0.4, 10, side * 0.9, side * 0.5];
  const truths = Array.from({ length: Number(images) }, () => ({
    size: { height: side, width: side },
    boxes: torch.tensor(truth, [2, 4]),
    classes: Int32Array.of(1, 2),
  }));
  const step = () =>
    torch.scope(() => {
      const loss = Object.values(network.losses(pictures, truths, () => Math.random)).reduce((sum, part) =>
        sum.add(part),
      );
      loss.backward();
      optimizer.step(1, loss);
      optimizer.clearGradients();
      return loss.item();
    });
  step();
  const timed = Array.from({ length: Number(steps) }, () => {
    const [clock, processor] = [performance.now(), process.cpuUsage()];
    step();
    const { user, system } = process.cpuUsage(processor);
    return { wall: (performance.now() - clock) / 1000, processor: (user + system) / 1e6 };
  });
  return {
    wallSeconds: median(timed.map(({ wall }) => wall)),
    processorSeconds: median(timed.map(({ processor }) => processor)),
    libtorch: torch.engine().builtFor,
  };
}
