import { describe, expect, it } from "vitest";
import { type MethodName, methods } from "../../methods/index.ts";
import { settingFrom } from "./assignment.ts";
import { settingsOf } from "./listing.ts";
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
