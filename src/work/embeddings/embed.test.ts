import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { smallRun } from "../../../test/small-run.ts";
import { drawnPicture, putPictures } from "../../../test/work-pictures.ts";
import { type Model, openRun } from "../model.ts";
import { embedToIndex } from "./embed-folder.ts";
import type { IndexNotes } from "./notes.ts";
import { loadIndex, type PictureIndex } from "./picture-index.ts";
import { RowStore } from "./row-store.ts";

const parent = mkdtempSync(join(tmpdir(), "embed-"));
const photos = join(parent, "photos");
const broken = "010.png";
let run: string;
let model: Model;
let whole: PictureIndex;

beforeAll(async () => {
  run = smallRun(parent).folder;
  await putPictures(photos, 0, 24);
  const jpeg = await (await drawnPicture(10)).jpeg().toBuffer();
  writeFileSync(join(photos, broken), jpeg.subarray(0, jpeg.length / 2));
  model = openRun(run, { device: "cpu", precision: "fp32" });
  whole = await model.embedFolder(photos);
});
afterAll(() => {
  model.free();
  rmSync(parent, { recursive: true });
});

/** Largest difference beside the largest value: batches of other sizes round otherwise. */
const difference = ({ features }: PictureIndex) =>
  Math.max(...features.map((value, i) => Math.abs(value - whole.features[i]!))) /
  Math.max(...whole.features.map(Math.abs));
const quiet = { warn: () => {} };
const out = (name: string) => join(parent, "out", name);
/** What is in both files; why a picture is broken the decoder says now so, now otherwise. */
const bytesOf = (file: string) => [readFileSync(file), unexplained(JSON.parse(readFileSync(`${file}.json`, "utf8")))];
const unexplained = (notes: IndexNotes) => ({ ...notes, badFiles: notes.badFiles.map(({ name }) => name) });

describe("an index", () => {
  it.each(["a.safetensors", "a.npy", "a.parquet", "a.jsonl"])("is the same from %s", async (name) => {
    const written = await embedToIndex(model, photos, out(name), { batchSize: 5 });
    expect(written).toMatchObject({ length: 23, isComplete: true, file: out(name) });
    const kept = await loadIndex(out(name));
    expect([unexplained(kept.notes), kept.dimensions]).toEqual([unexplained(whole.notes), whole.dimensions]);
    expect(difference(kept)).toBeLessThan(1e-5);
    expect(existsSync(`${out(name)}.unfinished`)).toBe(false);
  });

  it("leaves a broken picture's row out, and names it", () => {
    expect([whole.length, whole.names.includes(broken)]).toEqual([23, false]);
    expect(whole.notes.badFiles).toEqual([
      { name: broken, reason: expect.stringContaining("010.png: it is damaged or cut short") },
    ]);
  });

  it("is what NumPy, readers of lines and readers of Parquet expect", async () => {
    const npy = readFileSync(out("a.npy"));
    expect(npy.toString("latin1", 0, 6)).toBe("\x93NUMPY");
    expect((10 + npy.readUInt16LE(8)) % 64).toBe(0);
    expect(npy.toString("latin1", 10, 80)).toContain(`'shape': (23, ${whole.dimensions})`);
    const [line] = readFileSync(out("a.jsonl"), "utf8").split("\n");
    const first = { path: "000.png", class: null, embedding: expect.any(Array) };
    expect(JSON.parse(line!)).toEqual(first);
    const { features } = await loadIndex(out("a.safetensors"));
    expect(Float32Array.from(JSON.parse(line!).embedding)).toEqual(features.slice(0, whole.dimensions)); // to the bit
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(out("a.parquet")) });
    expect([rows.length, rows[0]]).toEqual([23, first]);
  });

  it("refuses an unknown ending before any work, and what does not belong together", async () => {
    await expect(embedToIndex(model, photos, out("a.csv"))).rejects.toMatchObject({
      kind: "configuration",
      message: /\.jsonl is needed/,
    });
    writeFileSync(out("cut.npy"), readFileSync(out("a.npy")).subarray(0, 500));
    writeFileSync(out("cut.npy.json"), readFileSync(out("a.npy.json")));
    await expect(loadIndex(out("cut.npy"))).rejects.toMatchObject({ kind: "checkpoint", message: /bytes of numbers/ });
    writeFileSync(
      out("odd.jsonl"),
      '{"path":"a","class":null,"embedding":[1,2]}\n{"path":"b","class":null,"embedding":[1]}\n',
    );
    writeFileSync(out("odd.jsonl.json"), readFileSync(out("a.npy.json")));
    await expect(loadIndex(out("odd.jsonl"))).rejects.toThrow(/line 2 has 1 numbers, the first one 2/);
  });

  it("knows its classes by name", async () => {
    const file = out("shapes.jsonl");
    await embedToIndex(model, "shapes", file, { limit: 12 });
    expect(JSON.parse(readFileSync(file, "utf8").split("\n")[0]!).class).toBe("disc");
    expect((await loadIndex(file)).notes.from).toEqual({ data: "shapes", split: "train", limit: 12 });
  });
});

describe("an interruption", () => {
  const file = out("stopped.safetensors");
  const store = `${file}.unfinished`;
  const stopAfterOne = async () => {
    const stopping = new AbortController();
    const reading = { onProgress: () => stopping.abort() };
    return embedToIndex(model, photos, file, { batchSize: 6, signal: stopping.signal, reading });
  };

  it("keeps what was acknowledged, and the same call goes on to the same bytes", async () => {
    const reference = out("a.safetensors");
    const stopped = await stopAfterOne();
    expect([stopped.isComplete, existsSync(file)]).toEqual([false, false]);
    expect(stopped.length).toBeGreaterThanOrEqual(6);
    expect(statSync(join(store, "rows.f32")).size).toBe(stopped.length * whole.dimensions * 4);
    const said: string[] = [];
    const done: number[] = [];
    await embedToIndex(model, photos, file, {
      batchSize: 6,
      say: (sentence) => said.push(sentence),
      reading: { onProgress: (count) => done.push(count) },
    });
    expect(said).toEqual([expect.stringMatching(/^goes on behind \d+ of 24 pictures/)]);
    expect(done[0]).toBeGreaterThan(6); // the first batch was not made again
    expect(bytesOf(file)).toEqual(bytesOf(reference));
  });

  it("in the middle of a write leaves nothing half: what was never acknowledged is cut off", async () => {
    await stopAfterOne();
    appendFileSync(join(store, "rows.f32"), Buffer.alloc(77, 1));
    appendFileSync(join(store, "done.jsonl"), '{"through":99,"ro');
    await embedToIndex(model, photos, file, { batchSize: 6 });
    expect(bytesOf(file)).toEqual(bytesOf(out("a.safetensors")));
  });

  it("is forgotten where network or pictures are others, and that is said", async () => {
    await stopAfterOne();
    const said: string[] = [];
    await embedToIndex("pixels", photos, file, { size: 8, say: (sentence) => said.push(sentence), ...quiet });
    expect(said).toEqual([expect.stringMatching(/begun with another network, other pictures/)]);
    expect((await loadIndex(file)).dimensions).toBe(192);
  });

  it("is no place for a second process", () => {
    const first = new RowStore(out("held.npy"), {}, () => {});
    expect(() => new RowStore(out("held.npy"), {}, () => {})).toThrow(
      /another process is writing .*held\.npy\.unfinished/,
    );
    first.close();
    new RowStore(out("held.npy"), {}, () => {}).remove();
    expect(existsSync(`${out("held.npy")}.unfinished`)).toBe(false);
  });

  it("by a full disk ends with exit code 4 and the same command goes on", { timeout: 60_000 }, () => {
    const selfsight = fileURLToPath(new URL("../../../bin/selfsight.mjs", import.meta.url));
    const target = out("full.jsonl");
    const embed = (limit: string) =>
      spawnSync(
        "bash",
        [
          "-c",
          `${limit} exec "$@"`,
          "bash",
          process.execPath,
          selfsight,
          "embed",
          "pixels",
          photos,
          "--size",
          "24",
          "--out",
          target,
        ],
        {
          encoding: "utf8",
        },
      );
    const full = embed("ulimit -f 200;"); // blocks of 1 kB: enough for the rows, too little for the file
    expect([full.status, full.stderr]).toEqual([4, expect.stringMatching(/full\.jsonl.*larger than the limit/)]);
    expect([existsSync(target), existsSync(`${target}.unfinished`)]).toEqual([false, true]);
    const again = embed("");
    expect([again.status, again.stderr]).toEqual([0, expect.stringContaining("goes on behind 24 of 24 pictures")]);
    expect(readFileSync(target, "utf8").trim().split("\n")).toHaveLength(23);
  });
});

describe("shards", () => {
  it("of several processes are one index; a missing one is named", async () => {
    const file = out("parts.npy");
    for (const number of [1, 2, 3]) await embedToIndex(model, photos, file, { shard: { number, of: 3 } });
    const joined = await loadIndex(file);
    expect(joined.names).toEqual(whole.names);
    expect(unexplained(joined.notes)).toEqual(unexplained(whole.notes));
    expect(difference(joined)).toBeLessThan(1e-5);
    rmSync(out("parts-00002-of-00003.npy"));
    await expect(loadIndex(file)).rejects.toThrow(/1 of 3 shards are missing, such as .*parts-00002-of-00003\.npy/);
    await expect(embedToIndex(model, photos, file, { shard: { number: 4, of: 3 } })).rejects.toThrow(/shard 4 of 3/);
  });
});
