import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileDurably } from "../../files.ts";
import { withEvaluations } from "../../report/index.ts";
import { writeReport } from "../report/write-report.ts";
import type { Evaluations } from "./kept.ts";
import { evaluationsOf } from "./report-section.ts";

/** Puts the figures into the run's page, which is written where there is none. Errors: those of `writeReport`. */
export async function putIntoReport(folder: string, evaluations: Evaluations): Promise<string> {
  const path = join(folder, "report.html");
  const page = existsSync(path)
    ? withEvaluations(readFileSync(path, "utf8"), evaluationsOf(folder, evaluations))
    : undefined;
  if (page === undefined) await writeReport(folder);
  else writeFileDurably(path, page);
  return path;
}
