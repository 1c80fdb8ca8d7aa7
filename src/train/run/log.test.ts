import { execFileSync } from "node:child_process";
import fs, { mkdirSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { scratchFolder } from "../../../test/tiny-run.ts";
import { type LogEvent, logPath, openLog, readLog, withoutRepeats } from "./log.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

let folder = "";
beforeEach(() => {
  folder = scratch.next();
  mkdirSync(folder);
});

const warning = (step: number, message = "x"): LogEvent => ({ event: "warning", step, message });
const start = (step: number) => ({ event: "start", step }) as LogEvent;

it("gives back what was written, run after run", () => {
  for (const step of [1, 2]) {
    const log = openLog(folder);
    log.write(warning(step));
    log.close();
  }
  expect(readLog(folder)).toEqual([warning(1), warning(2)]);
  expect(readLog(scratch.next())).toEqual([]);
});

it("stands after a crash anywhere in a line: the cut line is left out, the next one whole", () => {
  const line = `${JSON.stringify(warning(1, "ä ✓"))}\n`;
  const bytes = Buffer.from(line);
  for (let length = 0; length <= bytes.length; length++) {
    writeFileSync(logPath(folder), Buffer.concat([bytes, bytes.subarray(0, length)]));
    const log = openLog(folder);
    log.write(warning(2));
    log.close();
    const whole = length >= bytes.length - 1 ? 2 : 1;
    expect(readLog(folder), `cut at ${length}`).toEqual([...Array(whole).fill(warning(1, "ä ✓")), warning(2)]);
  }
});

it("leaves out lines that are no events", () => {
  writeFileSync(
    logPath(folder),
    'null\n[]\n3\n{"event":"warning","step":1,"message":"x"}\n\n{"other":1}\n{"event":"start"}\n{"event":3,"step":1}\n\u0000\n',
  );
  expect(readLog(folder)).toEqual([warning(1)]);
});

it("is a regular file or is refused: a FIFO is never waited for", () => {
  execFileSync("mkfifo", [logPath(folder)]);
  for (const use of [openLog, readLog])
    expect(() => use(folder)).toThrow(/log\.jsonl: it is no regular file; .*remove what stands there/);
});

describe("withoutRepeats", () => {
  it("drops what a resume does again, and keeps the rest in order", () => {
    const events = [start(0), warning(1), warning(2), warning(3), start(2), warning(3), warning(4)];
    expect(withoutRepeats(events)).toEqual([start(0), warning(1), warning(2), start(2), warning(3), warning(4)]);
  });

  it("goes back over several resumes when an older checkpoint had to serve", () => {
    const events = [start(0), warning(5), start(4), warning(5), warning(6), start(6), warning(7), start(3), warning(4)];
    expect(withoutRepeats(events)).toEqual([start(0), start(3), warning(4)]);
  });
});

it("loses lines to a full disk without ending the run, says so once, and counts them when there is room", () => {
  const said: string[] = [];
  const full = vi.spyOn(fs, "writeSync");
  syncBuiltinESMExports();
  try {
    const log = openLog(folder, (message) => said.push(message));
    full.mockImplementationOnce((file, bytes) =>
      Number(writeFileSync(file, (bytes as unknown as Buffer).subarray(0, 9)) ?? 9),
    );
    full.mockImplementationOnce(refuse).mockImplementationOnce(refuse);
    for (const step of [1, 2, 3]) log.write(warning(step));
    log.close();
  } finally {
    full.mockRestore();
    syncBuiltinESMExports();
  }
  expect(said).toEqual([expect.stringMatching(/^write: .*log\.jsonl: no space; the disk is full/)]);
  expect(readLog(folder)).toEqual([warning(3, "2 lines of this log could not be written"), warning(3)]);
});

const refuse = () => {
  throw Object.assign(new Error("no space"), { code: "ENOSPC" });
};
