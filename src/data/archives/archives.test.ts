import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetWriteFile } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { longName, paxNotes, tarOf, zipOf } from "../../../test/drawn-archives.ts";
import { blue, cutShort, jpegOf, red } from "../../../test/drawn-pictures.ts";
import {
  batches,
  describeDivision,
  type ImageFolder,
  lastingSource,
  onePass,
  openDataset,
  readPicture,
  type Split,
} from "../index.ts";
import { braced } from "./find.ts";

let root: string;
let pictures: Buffer[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "archives-"));
  vi.stubEnv("XDG_CACHE_HOME", join(root, "cache"));
  pictures = await Promise.all(Array.from({ length: 8 }, (_, i) => jpegOf(i, i % 2 === 0 ? red : blue)));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

const at = (name: string, bytes: Uint8Array): string => {
  mkdirSync(join(root, name, ".."), { recursive: true });
  writeFileSync(join(root, name), bytes);
  return join(root, name);
};
const open = async (path: string, split: Split = "train") => (await openDataset(path, { split })) as ImageFolder;
const labelsOf = ({ files }: ImageFolder) => Array.from(files, ({ label }) => label);
const classesOf = ({ labels, classes }: ImageFolder) => labels && Array.from(labels, (label) => classes![label]);

/** Every picture's red at the middle, through the decoding threads. */
async function redsOf(dataset: ImageFolder): Promise<number[]> {
  const reds: number[] = [];
  for await (const { images } of onePass(dataset, { batchSize: 4 })) {
    if (!Array.isArray(images)) throw new Error("files are needed");
    for (const { pixels } of images) reds.push(pixels[3 * 47]!); // a corner, away from the darker square
  }
  return reds;
}

describe("tar", () => {
  test("members are read where they lie, in the archive's order, and their folders are their classes", async () => {
    const path = at(
      "a.tar",
      tarOf(...[5, 0, 1, 4].map((i) => ({ name: `${i % 2 === 0 ? "red" : "blue"}/${i}.jpg`, bytes: pictures[i]! }))),
    );
    const dataset = await open(path);
    expect(labelsOf(dataset)).toEqual(["blue/5.jpg", "red/0.jpg", "blue/1.jpg", "red/4.jpg"]);
    expect(classesOf(dataset)).toEqual(["blue", "red", "blue", "red"]);
    const reds = await redsOf(dataset);
    expect(reds.map((value) => value > 100)).toEqual([false, true, false, true]);
    expect(await readPicture(dataset.files.at(1)!)).toEqual(pictures[0]);
  });

  test("a WebDataset: classes by KEY.cls in the order of their numbers, notes are no strays", async () => {
    const members = [10, 2, 10, 2].flatMap((number, i) => [
      { name: `000${i}.jpg`, bytes: pictures[i]! },
      { name: `000${i}.cls`, bytes: Buffer.from(`${number}\n`) },
      { name: `000${i}.json`, bytes: Buffer.from("{}") },
    ]);
    const dataset = await open(at("web.tar", tarOf(...members, { name: "README", bytes: Buffer.from("hello") })));
    expect([dataset.classes, classesOf(dataset)]).toEqual([
      ["2", "10"],
      ["10", "2", "10", "2"],
    ]);
    expect(dataset.skipped.map(({ label }) => label)).toEqual(["README"]);
  });

  test("long names of GNU and PAX, prefixes, and sizes that only PAX can say", async () => {
    const long = `${"x".repeat(150)}/é.jpg`;
    const path = at(
      "long.tar",
      tarOf(
        ...[longName(long), { name: "x", bytes: pictures[0]! }],
        ...[paxNotes({ path: `y/${long}`, mtime: "1" }), { name: "y", bytes: pictures[1]! }],
        { name: "z.jpg", prefix: "a/b", bytes: pictures[2]! },
        ...[
          paxNotes({ size: String(pictures[3]!.length) }),
          { name: "s.jpg", bytes: pictures[3]!, size: "00000000000" },
        ],
      ),
    );
    const dataset = await open(path);
    expect(labelsOf(dataset)).toEqual([long, `y/${long}`, "a/b/z.jpg", "s.jpg"]);
    expect(await readPicture(dataset.files.at(3)!)).toEqual(pictures[3]);
  });

  test("names that lead elsewhere are labels alone; links, devices and twins are counted; nothing is written", async () => {
    const before = readdirSync(root);
    const [bytes, name] = [pictures[0]!, "../../canary.jpg"];
    const path = at(
      "evil.tar",
      tarOf(
        ...[name, "/etc/passwd.jpg", "C:\\x.jpg", "a\x1b[31m.jpg", "<img src=x>.jpg", ""].map((one) => ({
          name: one,
          bytes,
        })),
        ...["1", "2", "3", "6", "S"].map((kind) => ({ name: `special-${kind}.jpg`, kind })),
        ...["twin.jpg", "twin.jpg", ".hidden.jpg", "__MACOSX/._a.jpg"].map((one) => ({ name: one, bytes })),
      ),
    );
    const dataset = await open(path);
    expect(labelsOf(dataset)).toEqual([
      name,
      "/etc/passwd.jpg",
      "C:\\\\x.jpg",
      "a\\x1b[31m.jpg",
      "<img src=x>.jpg",
      "",
      "twin.jpg",
    ]);
    expect(dataset.skipped.map(({ reason }) => reason)).toEqual([
      ...[
        "hard link in an archive",
        "link in an archive",
        "device in an archive",
        "FIFO in an archive",
        "sparse file in an archive",
      ],
      ...["a name that its archive has twice", "hidden file", "hidden folder, or folder of the system"],
    ]);
    expect(readdirSync(root).sort()).toEqual([...before, "evil.tar"].sort());
    expect(existsSync(join(root, "..", "..", "canary.jpg"))).toBe(false);
  });

  test("cut at any block it is refused with the byte, never taken for a normal end", async () => {
    const whole = tarOf({ name: "0.jpg", bytes: pictures[0]! }, { name: "1.jpg", bytes: pictures[1]! });
    for (let end = 0; end <= whole.length - 1024; end += 512) {
      const path = at("cut.tar", whole.subarray(0, end));
      await expect(open(path)).rejects.toMatchObject({
        kind: "data",
        message: expect.stringMatching(/cut\.tar: .* at byte \d+; use a whole copy/),
      });
    }
  });

  test.each([
    [
      "a wrong checksum",
      () => Buffer.concat([Buffer.from("x"), tarOf({ name: "a" }).subarray(1)]),
      /wrong checksum at byte 0/,
    ],
    ["a size in base 256", () => tarOf({ name: "a", size: "\x80\0\0\0\0\0\0\0\0\0\xff\xff" }), /no octal number/],
    [
      "a size beyond the end",
      () => tarOf({ name: "a", size: "77777777777" }),
      /a member of 8589934591 bytes, of which 1024 are there,/,
    ],
    [
      "PAX notes that lie of their length",
      () => tarOf({ name: "n", kind: "x", bytes: Buffer.from("99 path=a\n") }),
      /cannot be read/,
    ],
    ["a PAX size below 0", () => tarOf(paxNotes({ size: "-1" }), { name: "a" }), /no whole number/],
    [
      "a name of megabytes",
      () => tarOf({ name: "L", kind: "L", bytes: Buffer.alloc(2 << 20) }),
      /a name of 2097152 bytes/,
    ],
  ])("%s is refused", async (_, archive, reason) => {
    await expect(open(at("bad.tar", archive()))).rejects.toThrow(reason);
  });

  test("an archive that becomes shorter, and a damaged picture in it, are bad pictures by name", async () => {
    const broken = await cutShort(1);
    const members = [pictures[0]!, broken, ...pictures.slice(2)].map((bytes, i) => ({ name: `${i}.jpg`, bytes }));
    const path = at("shrinks.tar", tarOf(...members));
    const dataset = await open(path);
    truncateSync(path, dataset.files.at(7)!.part!.offset + 10);
    const said: string[] = [];
    for await (const _ of onePass(dataset, { batchSize: 8, onBadFile: (_, { message }) => said.push(message) }));
    expect(said).toEqual([
      expect.stringMatching(/decoding 1\.jpg: it is damaged or cut short/),
      expect.stringMatching(/decoding 7\.jpg: its archive became shorter/),
    ]);
  });
});

describe("zip", () => {
  test("stored and deflated members, below a folder that all have, with parts inside", async () => {
    const member = (name: string, i: number) => ({
      name: `photos/${name}/${i}.jpg`,
      bytes: pictures[i]!,
      isDeflated: i % 2 === 0,
    });
    const path = at(
      "p.zip",
      zipOf(
        { name: "photos/", bytes: Buffer.alloc(0) },
        member("train/red", 0),
        member("train/blue", 1),
        member("val/red", 2),
        member("extra/red", 4),
      ),
    );
    const [train, test_, all] = [await open(path), await open(path, "test"), await open(path, "all")];
    expect([labelsOf(train), classesOf(train)]).toEqual([
      ["photos/train/red/0.jpg", "photos/train/blue/1.jpg"],
      ["red", "blue"],
    ]);
    expect([labelsOf(test_), classesOf(test_), all.length]).toEqual([["photos/val/red/2.jpg"], ["red"], 3]);
    expect(describeDivision(train)).toBe("train/ to learn from, val/ to report on, extra/ left aside");
    expect((await redsOf(all)).map((value) => value > 100)).toEqual([true, false, true]);
    expect(await readPicture(train.files.at(0)!)).toEqual(pictures[0]);
  });

  test("bombs, encrypted members and other methods are left out by name", async () => {
    const bomb = Buffer.concat([pictures[0]!, Buffer.alloc(50_000_000)]);
    const path = at(
      "evil.zip",
      zipOf(
        { name: "good.jpg", bytes: pictures[0]! },
        { name: "bomb.jpg", bytes: bomb, isDeflated: true, size: 1000 },
        { name: "locked.jpg", bytes: pictures[1]!, isEncrypted: true },
        { name: "other.jpg", bytes: pictures[2]!, method: 12 },
      ),
    );
    const dataset = await open(path);
    expect([labelsOf(dataset), dataset.skipped]).toEqual([
      ["good.jpg", "bomb.jpg"],
      [
        { label: "locked.jpg", reason: "encrypted member of a zip" },
        { label: "other.jpg", reason: "compressed by method 12 in a zip" },
      ],
    ]);
    await expect(readPicture(dataset.files.at(1)!)).rejects.toThrow(/decoding bomb\.jpg: /);
  });

  test("what is no zip, or ends early, is refused in a sentence", async () => {
    const whole = zipOf({ name: "a.jpg", bytes: pictures[0]! });
    for (const bytes of [Buffer.from("no zip"), whole.subarray(0, -30), Buffer.alloc(0)])
      await expect(open(at("bad.zip", bytes))).rejects.toMatchObject({
        kind: "data",
        message: expect.stringMatching(/a damaged zip \(.*\); use a whole copy/),
      });
  });
});

describe("parquet", () => {
  const write = (
    name: string,
    rows: { bytes: Buffer | null; path?: string }[],
    labels: number[] | undefined,
    names?: string[],
  ) => {
    const filename = at(name, Buffer.alloc(0));
    const features = { image: { _type: "Image" }, label: { names, _type: "ClassLabel" } };
    parquetWriteFile({
      filename,
      schema: [
        { name: "root", num_children: labels ? 2 : 1 },
        { name: "image", repetition_type: "OPTIONAL", num_children: 2 },
        { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
        { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
        ...(labels ? [{ name: "label", type: "INT64" as const, repetition_type: "OPTIONAL" as const }] : []),
      ],
      columnData: [
        { name: "image", data: rows.map(({ bytes, path }) => ({ bytes, path })) },
        ...(labels ? [{ name: "label", data: labels.map(BigInt) }] : []),
      ],
      kvMetadata: names ? [{ key: "huggingface", value: JSON.stringify({ info: { features } }) }] : [],
    });
    return filename;
  };

  test("a clone of a set as Hugging Face stores it: data/, parts by the shards' names, classes by name and in their order", async () => {
    const names = ["red", "blue"];
    for (const [part, some] of [
      ["train-00000-of-00002", [0, 1]],
      ["train-00001-of-00002", [2, 3]],
      ["test-00000-of-00001", [5, 4]],
    ] as const)
      write(
        `set/data/${part}.parquet`,
        some.map((i) => ({ bytes: pictures[i]!, path: `${i}.jpg` })),
        some.map((i) => i % 2),
        names,
      );
    at("set/README.md", Buffer.from("# a set"));
    const [train, measured] = [await open(join(root, "set")), await open(join(root, "set"), "test")];
    expect(labelsOf(train)).toEqual(
      ["0 0.jpg", "1 1.jpg"]
        .map((name) => `train-00000-of-00002.parquet/${name}`)
        .concat(["0 2.jpg", "1 3.jpg"].map((name) => `train-00001-of-00002.parquet/${name}`)),
    );
    expect([train.classes, classesOf(train), classesOf(measured)]).toEqual([
      names,
      ["red", "blue", "red", "blue"],
      ["blue", "red"],
    ]);
    expect((await redsOf(train)).map((value) => value > 100)).toEqual([true, false, true, false]);
    expect(await readPicture(measured.files.at(0)!)).toEqual(pictures[5]);
  });

  test("its pack is written once, and anew when the file changes", async () => {
    const path = write("once.parquet", [{ bytes: pictures[0]! }, { bytes: pictures[1]! }], undefined);
    const first = await open(path);
    const pack = Buffer.from(first.files.at(0)!.path).toString();
    writeFileSync(pack, Buffer.concat([readFileSync(pack), Buffer.from("mark")]));
    expect(
      readFileSync(Buffer.from((await open(path)).files.at(0)!.path))
        .subarray(-4)
        .toString(),
    ).toBe("mark");
    utimesSync(path, 1, 1);
    expect(Buffer.from((await open(path)).files.at(0)!.path).toString()).not.toBe(pack);
  });

  test("rows without a picture are counted; other columns and damaged files are refused", async () => {
    const path = write(
      "rows.parquet",
      [{ bytes: null }, { bytes: Buffer.from("text") }, { bytes: pictures[0]! }],
      [0, 1, 1],
    );
    const dataset = await open(path);
    expect([labelsOf(dataset), dataset.skipped.length, dataset.skipped[0]]).toEqual([
      ["2"],
      2,
      { label: "0", reason: "a row without a picture" },
    ]);
    const filename = at("text.parquet", Buffer.alloc(0));
    parquetWriteFile({ filename, columnData: [{ name: "caption", data: ["a"], type: "STRING" }] });
    await expect(open(filename)).rejects.toThrow(/its columns are caption; one of image, img/);
    await expect(open(at("bad.parquet", readFileSync(path).subarray(0, 100)))).rejects.toThrow(
      /a damaged Parquet file/,
    );
  });
});

describe("lists", () => {
  beforeAll(() => {
    for (const [i, bytes] of pictures.entries()) at(`listed/pictures/${i}.jpg`, bytes);
  });

  test.each([
    [
      "list.csv",
      '\ufefffile_name,label,split\n"pictures/0.jpg",red,train\npictures/1.jpg,"blue, dark",train\npictures/2.jpg,red,test\n',
    ],
    [
      "list.tsv",
      "path\tclass\tpart\npictures/0.jpg\tred\ttrain\n./pictures/1.jpg\tblue, dark\ttrain\npictures/2.jpg\tred\ttest\n",
    ],
    [
      "metadata.jsonl",
      [
        ["0", "red", "train"],
        ["1", "blue, dark", "train"],
        ["2", "red", "test"],
      ]
        .map(([i, label, split]) => JSON.stringify({ file_name: `pictures/${i}.jpg`, label, split }))
        .join("\n\n"),
    ],
  ])("%s: pictures, classes and parts", async (name, text) => {
    const path = at(`listed/${name}`, Buffer.from(text));
    const [train, measured] = [await open(path), await open(path, "test")];
    expect([labelsOf(train), classesOf(train)]).toEqual([
      ["pictures/0.jpg", "pictures/1.jpg"],
      ["red", "blue, dark"],
    ]);
    expect([labelsOf(measured), classesOf(measured)]).toEqual([["pictures/2.jpg"], ["red"]]);
    expect((await redsOf(train)).map((value) => value > 100)).toEqual([true, false]);
  });

  test("what is missing, no picture, or there twice is counted with its name", async () => {
    at("listed/note.txt", Buffer.from("x"));
    const path = at("listed/some.csv", Buffer.from("file\npictures/0.jpg\nnot-there.jpg\nnote.txt\npictures/0.jpg\n"));
    const dataset = await open(path);
    expect([labelsOf(dataset), dataset.labels]).toEqual([["pictures/0.jpg"], undefined]);
    expect(dataset.skipped.map(({ label, reason }) => `${label}: ${reason}`)).toEqual([
      "not-there.jpg: cannot be read (ENOENT)",
      expect.stringMatching(/^note\.txt: /),
      "pictures/0.jpg: in the list twice",
    ]);
  });

  test.each([
    ["up.csv", "file\n../a.tar\n", /line 2 names \.\.\/a\.tar, outside of the list's folder; put the list/],
    ["root.csv", "file\n/etc/passwd\n", /line 2 names \/etc\/passwd, outside/],
    ["url.csv", "file\nhttp://169.254.169.254/x.jpg\n", /line 2 names http:/],
    ["file-url.jsonl", '{"path": "file:///etc/passwd"}', /line 1 names file:/],
    ["no-column.csv", "name,label\na,b\n", /line 2 names no picture \(it has name, label\)/],
    ["proto.jsonl", '{"__proto__": {"path": "pictures/0.jpg"}}', /line 1 names no picture/],
    ["number.jsonl", '{"path": 3}', /line 1 names no picture/],
    ["no-object.jsonl", '{"path": "pictures/0.jpg"}\n[1]', /line 2 is no JSON object/],
    ["ragged.csv", "file,label\npictures/0.jpg\n", /reading the list .*ragged\.csv/],
    ["empty.csv", "", /no pictures, nothing in it/],
  ])("%s is refused", async (name, text, reason) => {
    await expect(open(at(`listed/${name}`, Buffer.from(text)))).rejects.toMatchObject({
      kind: "data",
      message: expect.stringMatching(reason),
    });
  });
});

describe("archives at addresses", () => {
  test("are fetched once, each shard by itself; a wrong digest and a missing shard are refused by name", async () => {
    const archives = [0, 1].map((i) => tarOf({ name: `${i}.jpg`, bytes: pictures[i]! }));
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url!);
      const place = /^\/s-(\d)\.tar(\?|$)/.exec(request.url!)?.[1];
      const body = place === undefined ? undefined : archives[Number(place)];
      response.writeHead(body ? 200 : 404, body && { "content-length": body.length }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const home = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      for (const _ of [1, 2])
        expect(labelsOf(await open(`${home}/s-{0..1}.tar`))).toEqual(["s-0.tar/0.jpg", "s-1.tar/1.jpg"]);
      expect(asked).toEqual(["/s-0.tar", "/s-1.tar"]);
      const digest = createHash("sha256").update(archives[0]!).digest("hex");
      expect((await open(`${home}/s-0.tar?key=secret#sha256=${digest}`)).length).toBe(1);
      await expect(open(`${home}/s-1.tar?key=secret#sha256=${digest}`)).rejects.toThrow(/s-1\.tar/);
      await expect(open(`${home}/s-1.tar?key=secret#sha256=${digest}`)).rejects.not.toThrow(/secret/);
      await expect(open(`${home}/s-{0..2}.tar`)).rejects.toThrow(/s-2\.tar.*404/s);
      await expect(open(`${home}/page.html?key=secret`)).rejects.toThrow(/page\.html: not the address of an archive/);
    } finally {
      server.close();
    }
  }, 20_000);
});

describe("patterns and folders of archives", () => {
  test("braces are written out, in order", () => {
    expect(braced("a-{08..11}.tar")).toEqual(["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]);
    expect(braced("{x,y}/{0..1}")).toEqual(["x/0", "x/1", "y/0", "y/1"]);
    expect(braced("plain.tar")).toEqual(["plain.tar"]);
  });

  test("a pattern is one dataset, and a missing shard is named", async () => {
    for (const i of [0, 1, 2]) at(`shards/s-${i}.tar`, tarOf({ name: `${i}.jpg`, bytes: pictures[i]! }));
    const dataset = await open(join(root, "shards/s-{0..2}.tar"));
    expect(labelsOf(dataset)).toEqual(["s-0.tar/0.jpg", "s-1.tar/1.jpg", "s-2.tar/2.jpg"]);
    expect((await open(join(root, "shards/*.tar"))).fingerprint).toBe(dataset.fingerprint);
    expect((await open(join(root, "shards"))).fingerprint).toBe(dataset.fingerprint);
    await expect(open(join(root, "shards/s-{0..3}.tar"))).rejects.toThrow(/s-3\.tar: it cannot be read \(ENOENT\)/);
    await expect(open(join(root, "shards/*.zip"))).rejects.toThrow(/\*\.zip: no archive in it/);
    await expect(open(join(root, "shards"), "val")).rejects.toThrow(/its val split was asked for, and it has none/);
  });

  test("a run finds its data again from any folder", () => {
    expect(lastingSource("shards/s-{0..2}.tar")).toBe(join(process.cwd(), "shards/s-{0..2}.tar"));
    expect(lastingSource("https://host/s-{0..2}.tar")).toBe("https://host/s-{0..2}.tar");
    expect(lastingSource("cifar10")).toBe("cifar10");
  });

  test("an archive beside pictures is no dataset of its own", async () => {
    at("mixed/a/0.jpg", pictures[0]!);
    at("mixed/backup.zip", zipOf({ name: "b.jpg", bytes: pictures[1]! }));
    expect(labelsOf(await open(join(root, "mixed")))).toEqual(["a/0.jpg"]);
  });

  test("what is no regular file is never waited for", async () => {
    symlinkSync("/dev/zero", join(root, "zero.tar"));
    await expect(open(join(root, "zero.tar"))).rejects.toThrow(/zero\.tar: it is no regular file/);
  });

  test("a run's batches over shards are those of the same files in a folder", async () => {
    const members = pictures.map((bytes, i) => ({ name: `${i}.jpg`, bytes }));
    for (const { name, bytes } of members) at(`as-folder/${name}`, bytes);
    const [shard, folder] = [await open(at("as-shard.tar", tarOf(...members))), await open(join(root, "as-folder"))];
    const first = async (dataset: ImageFolder) =>
      (await batches(dataset, { batchSize: 4, seed: 3 }).next()).value!.images;
    expect(await first(shard)).toEqual(await first(folder));
    expect(shard.fingerprint).toBe(folder.fingerprint);
  });
});
