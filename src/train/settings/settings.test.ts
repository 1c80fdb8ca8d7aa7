import { describe, expect, it } from "vitest";
import { z } from "zod";
import { SelfsightError } from "../../errors.ts";
import { methodNames, methods } from "../../methods/index.ts";
import { resumedSettings, settingsHash } from "../run/resume.ts";
import { settingFrom } from "./assignment.ts";
import { settingsSchema } from "./listing.ts";
import { keysIn } from "./setting-tree.ts";
import { defaultSettings, type PartialSettings, parseSettings, resolveSettings, type Settings } from "./settings.ts";

type Tree = Record<string, unknown>;

const set = (...assignments: string[]) => resolveSettings(...assignments.map(settingFrom));

function refusalOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(SelfsightError);
    expect((error as SelfsightError).exitCode).toBe(2);
    return (error as SelfsightError).message;
  }
  throw new Error("nothing was thrown");
}

describe("what is set by its dotted key", () => {
  it.each([
    ["lambda=0.01", "lambda", 0.01],
    ["projector=64-32", "projector", "64-32"],
    ["projector=64", "projector", "64"],
    ["width=24", "width", 24],
    ["checkpointEverySteps=7", "checkpointEverySteps", 7],
    ["optimizer.learningRate=0.3", "optimizer.learningRate", 0.3],
    ["optimizer.biasLearningRate=null", "optimizer.biasLearningRate", null],
    ["views.0.blur.probability=0.25", "views.0.blur.probability", 0.25],
    ["views.1.crop.scale=[0.2,0.9]", "views.1.crop.scale", [0.2, 0.9]],
    ["zeroInitResidual=false", "zeroInitResidual", false],
    ["device=cuda:1", "device", "cuda:1"],
  ])("%s", (assignment, key, value) => {
    const at = (settings: unknown) =>
      key.split(".").reduce<unknown>((tree, part) => (tree as Record<string, unknown>)[part], settings);
    expect(at(set(assignment))).toEqual(value);
    const others = (settings: unknown) => keysIn(settings).filter((name) => !name.startsWith(key));
    expect(others(set(assignment))).toEqual(others(defaultSettings()));
  });

  it("holds for all views by *, unless one place says otherwise", () => {
    expect(set("views.*.size=24").views.map(({ size }) => size)).toEqual([24, 24]);
    const { views } = set("views.*.flip=0.1", "views.1.flip=0.9", "views.*.grayscale=0");
    expect(views.map(({ flip, grayscale }) => [flip, grayscale])).toEqual([
      [0.1, 0],
      [0.9, 0],
    ]);
    expect(views[0]!.jitter).toEqual(defaultSettings().views[0]!.jitter);
  });

  it("lets later layers win key by key", () => {
    const layers: PartialSettings[] = [
      { optimizer: { name: "sgd", learningRate: 1 } },
      { optimizer: { learningRate: 2 } },
    ];
    expect(resolveSettings(...layers).optimizer).toMatchObject({ name: "sgd", learningRate: 2, momentum: 0.9 });
  });
});

describe("every setting of every method", () => {
  const trees = Object.keys(methods).map((method) => [method, defaultSettings({ method } as PartialSettings)] as const);

  it.each(trees)("%s: comes back from run.json as it was", (_, settings) => {
    expect(resolveSettings(settings)).toEqual(settings);
    const stored = JSON.parse(JSON.stringify(settings)) as unknown;
    expect(JSON.stringify(parseSettings(stored))).toBe(JSON.stringify(settings));
  });

  it.each(trees)("%s: takes any value or refuses it with a sentence", (method, settings) => {
    for (const key of keysIn(settings).filter((name) => name !== "method"))
      for (const value of ['"?"', "[[]]", "1e999", '{"x":1}']) {
        const body = () => resolveSettings({ method } as PartialSettings, settingFrom(`${key}=${value}`));
        const message = messageOf(body);
        if (message !== undefined) expect(message, `${key}=${value}`).toMatch(/^settings: .*(:|;) .+/);
      }
  });

  it("is suggested first for a key with one slip", () => {
    let [slips, right] = [0, 0];
    for (const [method, settings] of trees.slice(0, 1))
      for (const key of keysIn(settings).filter((name) => !/\.\d+$/.test(name) && !name.startsWith("views.1")))
        for (const slip of slipsOf(key.slice(key.lastIndexOf(".") + 1)).filter((_, i) => i % 3 === 0)) {
          const parent = key.slice(0, key.lastIndexOf(".") + 1);
          const message = messageOf(() =>
            resolveSettings({ method } as PartialSettings, settingFrom(`${parent}${slip}=1`)),
          );
          if (!message?.includes(`${parent}${slip}: no such setting`)) continue; // the slip is another key, or falls on it
          slips += 1;
          if (message.includes(`. Did you mean ${key}?`)) right += 1;
        }
    expect(slips).toBeGreaterThan(300);
    expect(right / slips).toBeGreaterThan(0.95);
  });
});

it("the hash of settings stays when settings are added that change nothing", () => {
  const swav = resolveSettings({ method: "swav", warmupShare: 1 });
  expect(settingsHash(swav)).toBe("ea26490949799a10"); // as of version 0.1.0 without optimizer.eta
  expect(settingsHash({ ...swav, optimizer: { ...swav.optimizer, eta: 0.02 } })).not.toBe(settingsHash(swav));
});

describe("a later layer", () => {
  const sizesOf = (...layers: PartialSettings[]) => resolveSettings(...layers).views.map(({ size }) => size);
  const views = methods.swav.views(224); // 2 x 224 + 6 x 96

  it("takes the views of earlier ones along to its size, unless it brings its own", () => {
    const recipe: PartialSettings = { method: "swav", size: 224, views };
    expect(sizesOf(recipe, { size: 112 })).toEqual([112, 112, 48, 48, 48, 48, 48, 48]);
    expect(sizesOf(recipe, { batchSize: 8 })).toEqual(views.map(({ size }) => size));
    expect(sizesOf(recipe, { size: 112, views })).toEqual(views.map(({ size }) => size));
    expect(sizesOf({ method: "swav", size: 112 }, { views })).toEqual(views.map(({ size }) => size));
  });

  it("gives the length: epochs in place of earlier steps, steps in place of earlier epochs", () => {
    expect(resolveSettings({ steps: 200 }, { epochs: 10 })).toMatchObject({ epochs: 10, steps: null });
    expect(resolveSettings({ epochs: 10 }, { steps: 200 }).steps).toBe(200);
  });
});

describe("refusals", () => {
  it.each([
    [
      "optimizer.learningRate=NaN",
      'settings: optimizer.learningRate "NaN": a number from 0 to 1000 or authors is needed (`selfsight settings barlow-twins` lists all)',
    ],
    [
      "optimizer.learningRate=1e10",
      "settings: optimizer.learningRate 10000000000: a number from 0 to 1000 or authors is needed",
    ],
    [
      "learningRate=1",
      "settings: learningRate: no such setting of barlow-twins; its own are lambda, projector, lossScale, mixing, terms, normalization, projectorNorm, objective, temperature, asymmetry. Did you mean optimizer.learningRate?",
    ],
    ["lr=1", "Did you mean optimizer.learningRate?"],
    ["optimizer.wd=1", "Did you mean optimizer.weightDecay?"],
    ["lamda=0.1", "asymmetry. Did you mean lambda?"],
    ["queueLength=1", "settings: queueLength: a setting of moco-v2, swav, not of barlow-twins"],
    [
      "optimizer.lr=1",
      "settings: optimizer.lr: no such setting; there are name, learningRate, batchRule, biasLearningRate, weightDecay,",
    ],
    ["width=abc", 'settings: width "abc": a whole number from 1 to 1024 is needed'],
    ["optimizer.momentum=1", "settings: optimizer.momentum 1: a number from 0 to below 1 is needed"],
    ["lambda=0", "settings: lambda 0: a number above 0 and at most 1 is needed"],
    ["zeroInitResidual=3", "settings: zeroInitResidual 3: true or false is needed"],
    ["limit=-1", "settings: limit -1: null or a whole number of 1 or more is needed"],
    ["optimizer=3", "settings: optimizer 3: a table of name, learningRate,"],
    ["projector=x", 'settings: projector "x": widths of 1 to 8 layers joined by -, such as 2048-2048-2048 is needed'],
    ["views=3", "settings: views 3: a list of one recipe for each view is needed"],
    ["views.0.crop.scale=2", "settings: views.0.crop.scale 2: a list of 2, each a number from 0.001 to 1 is needed"],
    [
      "method=barlow",
      'settings: method "barlow": barlow-twins, simclr, moco-v2, byol, swav, simsiam, supervised or vicreg is needed. Did you mean barlow-twins? (`selfsight settings barlow-twins` lists all)',
    ],
    ["optimizer.name=sdg", "Did you mean sgd?"],
    ["batchSize=1", "settings: batchSize 1; Barlow Twins needs at least 2; raise --batch"],
    ["epochs=0", "settings: epochs 0: "],
    ["epochs=1.5", "settings: epochs 1.5: "],
    ["size=7", "settings: size 7: a whole number from 8 to 1024 is needed"],
    ["device=gpu", 'settings: device "gpu": auto, cpu, cuda or cuda:N'],
    ["views.7.flip=0", "settings: place 7 in a list of 2; 0, 1 or * is needed"],
    ["views.0.crop.scale=[0.9,0.1]", "the first must not exceed the second"],
    ["a.b.c.d=1", "settings: a: no such setting of"],
    ["toString=1", "settings: toString: no such setting of"],
    ["__proto__.polluted=1", "--set: __proto__.polluted; no such setting"],
    ["optimizer.constructor.x=1", "--set: optimizer.constructor.x; no such setting"],
    ["optimizer..x=1", "--set: optimizer..x; no such setting"],
    ["=3", "--set: =3; key=value is needed"],
    ["width", "--set: width; key=value is needed"],
  ])("%s", (assignment, message) => expect(refusalOf(() => set(assignment))).toContain(message));

  it("name both keys of a contradiction", () => {
    expect(refusalOf(() => set("optimizer.name=sgd"))).toMatch(/optimizer\.learningRate authors with sgd/);
    expect(refusalOf(() => resolveSettings({ epochs: null, steps: null }))).toMatch(/neither epochs nor steps/);
    expect(refusalOf(() => set("batchSize=8", "microBatch=3"))).toMatch(/microBatch 3; .* batch of 8/);
    expect(refusalOf(() => resolveSettings({ views: [] }))).toMatch(/views/);
  });

  it("stand before trees that are deep, foreign or not numbers", () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`) as PartialSettings;
    const polluting = JSON.parse(
      '{"__proto__": {"polluted": 1}, "optimizer": {"__proto__": {"polluted": 1}}}',
    ) as PartialSettings;
    for (const layer of [
      deep,
      polluting,
      { lambda: deep },
      { size: Number.NaN },
      { warmupEpochs: Number.POSITIVE_INFINITY },
      { optimizer: null },
      { views: [null] },
      [],
      [[1]],
    ])
      if (!Array.isArray(layer) || layer.length > 0) refusalOf(() => resolveSettings(layer as PartialSettings));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(refusalOf(() => set(`${"a.".repeat(5000)}a=1`))).toContain("a: no such setting");
  });
});

describe("a resumed run", () => {
  const stored = resolveSettings();
  const free = [
    "device",
    "cudaGraph",
    "residentPictures",
    "logEverySteps",
    "watchEverySteps",
    "observeEverySteps",
    "knnEveryEpochs",
    "checkpointEverySteps",
    "checkpointEveryMinutes",
    "keepCheckpoints",
    "maxBadShare",
  ];
  const changed: Record<string, unknown> = {
    ...{
      method: "vicreg",
      backbone: "resnet34",
      stem: "imagenet",
      precision: "fp32",
      cosinePer: "epoch",
      device: "cpu",
    },
    ...{
      zeroInitResidual: false,
      steps: 5,
      epochs: 5,
      limit: 5,
      decodeSize: 64,
      microBatch: 2,
      floor: 0.5,
      warmupEpochs: 2,
      warmupShare: 0.5,
      earlySize: 16,
      earlyShare: 0.25,
      holdOut: 0.2,
      maxBadShare: 0.5,
      range: [0, 1],
      bands: [1, 2, 3],
    },
    ...{ projector: "8-8", lambda: 0.5, views: { "*": { flip: 0 } }, optimizer: { momentum: 0.1 } },
  };

  it.each(Object.keys(stored))("may or may not change %s, and says which", (key) => {
    const before = (stored as Record<string, unknown>)[key];
    const value = changed[key] ?? otherValue(key, before);
    const layer = { [key]: value } as PartialSettings;
    if (key === "epochs" || key === "steps") {
      expect(resumedSettings(stored, layer)[key]).toBe(value); // see run/extension.ts
    } else if (free.includes(key)) {
      const now = resumedSettings(stored, layer);
      expect((now as Record<string, unknown>)[key]).toEqual(value);
      expect(settingsHash(now)).toBe(settingsHash(stored));
    } else {
      const message = refusalOf(() => resumedSettings(stored, layer));
      if (key !== "method") {
        expect(message).toMatch(
          new RegExp(`^resume: ${key}.* .* -> .*; in a run that has begun only device, .* may change`),
        );
        expect(settingsHash(resolveSettings(stored, layer))).not.toBe(settingsHash(stored));
      }
    }
  });

  /** Another value that the setting may have; of a choice, the refusal of nonsense names them. */
  function otherValue(key: string, before: unknown): unknown {
    if (typeof before === "boolean") return !before;
    if (typeof before !== "string") return Number(before) + 1;
    const choices = [...refusalOf(() => set(`${key}=?`)).matchAll(/[a-z][\w-]*(?=, | or | is needed)/g)].map(
      ([choice]) => choice,
    );
    return choices.find((choice) => choice !== before);
  }

  it("may be given again what it has", () => {
    expect(resumedSettings(stored, { batchSize: stored.batchSize }, { optimizer: { momentum: 0.9 } })).toEqual(stored);
  });

  it("goes on as it began where a setting came later, and fits its checkpoints", () => {
    const { warmupShare, ...older } = resolveSettings();
    expect(warmupShare).toBe(0.1);
    expect(parseSettings(older).warmupShare).toBe(1);
    expect(JSON.stringify(resumedSettings(parseSettings(older)))).toBe(JSON.stringify(parseSettings(older)));
    const later = { byol: "lastBias", simclr: "projectorNorm", swav: "warmupShare" } as const;
    for (const [method, key] of Object.entries(later)) {
      const stored: Tree = { ...resolveSettings({ method } as PartialSettings), warmupShare: 1 };
      delete stored[key];
      expect(settingsHash(parseSettings(stored)), key).toBe(settingsHash(stored as Settings));
    }
    const { range, bands, maxBadShare, ...unruled } = resolveSettings();
    expect(settingsHash(parseSettings(unruled))).toBe(settingsHash(unruled as Settings));
  });

  it("is told the old and the new value", () => {
    expect(refusalOf(() => resumedSettings(stored, { optimizer: { momentum: 0.5 }, seed: 3 }))).toContain(
      "resume: optimizer.momentum 0.9 -> 0.5, seed 0 -> 3;",
    );
  });
});

function messageOf(body: () => unknown): string | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(SelfsightError);
    return (error as SelfsightError).message;
  }
}

/** A word with one letter left out, doubled, replaced, or swapped with the next. */
function slipsOf(word: string): string[] {
  const places = Array.from(word, (_, i) => i);
  const slips = places.flatMap((i) => [
    word.slice(0, i) + word.slice(i + 1),
    word.slice(0, i) + word[i] + word.slice(i),
    `${word.slice(0, i)}q${word.slice(i + 1)}`,
    word.slice(0, i) + (word[i + 1] ?? "") + word[i] + word.slice(i + 2),
  ]);
  return [...new Set(slips)].filter((slip) => slip !== word && slip.length > 1);
}

describe("the schema for programs", () => {
  it.each(methodNames)(
    "%s: takes the whole settings of a run, refuses others' keys, and is a JSON schema too",
    (method) => {
      const schema = settingsSchema(method);
      const settings = defaultSettings({ method });
      expect(schema.parse(settings)).toEqual(settings);
      expect(schema.safeParse({ ...settings, nonsense: 1 }).success).toBe(false);
      const json = z.toJSONSchema(schema, { io: "input" }) as { properties: Record<string, { description?: string }> };
      expect(Object.keys(json.properties)).toEqual(expect.arrayContaining(Object.keys(settings)));
      expect(json.properties.batchSize?.description).toMatch(/images in one step/);
    },
  );
});
