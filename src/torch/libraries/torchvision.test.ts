import { expect, test } from "vitest";
import { torchvisionFolders, torchvisionProblem } from "./torchvision.ts";

test("torchvision is looked for beside the loaded libtorch alone", () => {
  expect(torchvisionFolders("/env/site-packages/torch", "python3")).toEqual(["/env/site-packages/torchvision"]);
  expect(torchvisionFolders("/usr", "debian")).toEqual(["/usr/lib/python3/dist-packages/torchvision"]);
  expect(torchvisionFolders("/usr", "elsewhere")).toEqual([]);
});

test("where it cannot be opened there is a reason, the same at every call", () => {
  const first = torchvisionProblem();
  expect(first === null || first.length > 0).toBe(true);
  expect(torchvisionProblem()).toBe(first);
});
