import { describe, expect, it } from "vitest";
import { type MethodName, methodNames, methods } from "../../methods/index.ts";
import { settingFrom } from "./assignment.ts";
import { settingsJsonSchema, settingsOf } from "./listing.ts";
import { keysIn } from "./setting-tree.ts";
import { defaultSettings, resolveSettings } from "./settings.ts";

describe.each(Object.keys(methods) as MethodName[])("the settings of %s", (method) => {
  const listed = settingsOf(method);

  it("each say what they mean and what they may be, once", () => {
    expect(listed.filter(({ meaning, needed }) => meaning === "" || needed === "another value")).toEqual([]);
    expect(new Set(listed.map(({ key }) => key)).size).toBe(listed.length);
  });

  it("are all that a run has", () => {
    const inRuns = keysIn(defaultSettings({ method })).map((key) => key.replace(/^views\.\d+/, "views.*"));
    const leaves = inRuns.filter((key) => !inRuns.some((other) => other.startsWith(`${key}.`)));
    const withoutPlaces = leaves.map((key) => key.replace(/\.\d+$/, ""));
    expect(new Set(listed.map(({ key }) => key))).toEqual(new Set(withoutPlaces));
  });

  it("can each be set by the listed key", () => {
    for (const { key, needed } of listed) {
      const place = key.replace("*", "0");
      const wrong = () => resolveSettings({ method }, settingFrom(`${key}=?`));
      expect(wrong, key).toThrow(key === "method" ? /method/ : `${place} "?": ${needed} is needed`);
    }
  });
});

it("shows one value for each view where the views differ", () => {
  const found = Object.fromEntries(settingsOf("barlow-twins").map((facts) => [facts.key, facts]));
  expect(found["views.*.flip"]).toMatchObject({ default: 0.5, needed: "a number from 0 to 1", isOfMethod: false });
  expect(found["views.*.solarize.probability"]!.default).toEqual([0, 0.2]);
  expect(found.lambda).toEqual({
    key: "lambda",
    default: 0.0051,
    needed: "a number above 0 and at most 1",
    meaning: "weight of the redundancy term",
    isOfMethod: true,
  });
});

describe("the JSON Schema", () => {
  it.each(methodNames)(
    "of %s has every setting with its meaning, asks for none, and names what may be steered",
    (method) => {
      const schema = settingsJsonSchema(method) as {
        required?: string[];
        properties: Record<string, { description?: string; required?: string[] }>;
        "x-steerable": string[];
      };
      const keys = [...new Set(settingsOf(method).map(({ key }) => key.split(".")[0]!))];
      expect(Object.keys(schema.properties).sort()).toEqual(keys.sort());
      for (const key of keys) expect(schema.properties[key]!.description, key).toMatch(/\w/);
      expect([schema.required, schema.properties.optimizer!.required]).toEqual([undefined, undefined]);
      expect(schema["x-steerable"]).toContain("optimizer.learningRate");
      const own = methods[method].steerable ?? [];
      expect(own.filter((key) => !keys.includes(key))).toEqual([]);
    },
  );
});
