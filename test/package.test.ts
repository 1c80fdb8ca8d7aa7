// What the package and a clean clone of it rest on: the lock file.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const rootFile = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");

interface LockedPackage {
  resolved?: string;
  integrity?: string;
  optionalDependencies?: Record<string, string>;
}
const locked = (JSON.parse(rootFile("package-lock.json")) as { packages: Record<string, LockedPackage> }).packages;

describe("the lock file", () => {
  it("holds the builds for other systems too: npm ci refuses a lock that lacks them", () => {
    const missing = Object.entries(locked).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !(`node_modules/${name}` in locked) && !(`${path}/node_modules/${name}` in locked),
      ),
    );
    expect(missing).toEqual([]);
  });

  it("pins every package by its content, and names no registry", () => {
    const packages = Object.entries(locked).filter(([path]) => path !== "");
    expect(packages.filter(([, { integrity }]) => !integrity?.startsWith("sha512-"))).toEqual([]);
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });
});
