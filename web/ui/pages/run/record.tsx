import type { RunDetails } from "../../../../src/serve/answers.ts";
import type { WatchedRun } from "../../server/run.ts";
export function Record(_: { run?: WatchedRun; details: RunDetails; canSteer?: boolean }) {
  return null;
}
