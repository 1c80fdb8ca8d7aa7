// Memory shared between JavaScript and libtorch, while the garbage collector works. Run by zero-copy.test.ts with --expose-gc,
// in a process of its own: what could go wrong would end it.
import { setTimeout as pause } from "node:timers/promises";
import { borrow, full, liveTensors, scope, type Tensor } from "../src/torch/index.ts";

const collect = async () => {
  for (let i = 0; i < 3; i++) {
    gc!();
    await pause(1); // finalizers run between turns
  }
};
function check(isTrue: boolean, sentence: string): void {
  if (!isTrue) throw new Error(sentence);
}

/** Fresh garbage of the same size, so that memory that was let go too early is written over. */
function scribble(length: number): void {
  for (let i = 0; i < 50; i++) new Float32Array(length).fill(-7);
  scope(() => Array.from({ length: 20 }, () => full([length], -7)).length);
}

const meanOf = (value: Tensor) => scope(() => value.mean().item());
const length = 4096;

async function borrowedOutlivesItsArray(): Promise<void> {
  let borrowed: Tensor | undefined = borrow(new Float32Array(length).fill(3), [length]);
  await collect();
  scribble(length);
  check(meanOf(borrowed) === 3, "the array was let go while a tensor lay on it");
  const view = borrowed.narrow(0, 0, 8);
  borrowed.free();
  borrowed = undefined;
  await collect();
  scribble(length);
  check(meanOf(view) === 3, "the array was let go while a view lay on it");
  view.free();
}

async function lentOutlivesItsTensor(): Promise<void> {
  const source = full([length], 5);
  const [lent, again] = [source.lend() as Float32Array, source.lend() as Float32Array];
  lent[0] = 6;
  check(scope(() => source.select(0, 0).item()) === 6, "lent memory is not the tensor's own");
  source.free();
  await collect();
  scribble(length);
  check(lent[1] === 5 && again[0] === 6, "the tensor's memory was let go while it was lent");
}

async function thereAndBack(): Promise<void> {
  let values: Float32Array | undefined = new Float32Array(length).fill(2);
  const tensorOnIt = borrow(values, [length]);
  values = tensorOnIt.lend() as Float32Array;
  tensorOnIt.free();
  await collect();
  scribble(length);
  check(values[length - 1] === 2, "an array lent from a borrowing tensor lost its memory");
}

/** What is borrowed and lent in a loop must be let go again. */
async function memoryStaysFlat(): Promise<void> {
  const large = 1 << 20; // 4 MB each
  const round = () =>
    scope(() => {
      borrow(new Float32Array(large).fill(1), [large]).add_(1);
      full([large], 1).lend();
    });
  for (let i = 0; i < 20; i++) round();
  await collect();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 100; i++) {
    round();
    if (i % 10 === 9) await collect();
  }
  await collect();
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  check(grown < 200, `800 MB went to and fro and ${grown.toFixed(0)} MB stayed`);
}

await borrowedOutlivesItsArray();
await lentOutlivesItsTensor();
await thereAndBack();
await memoryStaysFlat();
process.stdout.write(JSON.stringify(liveTensors()));
