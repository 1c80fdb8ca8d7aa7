import { displayName } from "../../../../errors.ts";
import type { Interval, Sharing } from "../../../../evaluate/index.ts";
import { type EvaluateAllOptions, evaluateAll, type ProtocolReport } from "../../../../work/index.ts";
import { type ProcessOptions, withHelpers } from "../../../processes/together.ts";
import { percent } from "../../../terminal/percent.ts";
import { reading } from "../../../terminal/reading.ts";
import { warn } from "../../../terminal/warn.ts";
import { intervalText } from "../print-comparison.ts";

type AllOptions = EvaluateAllOptions & ProcessOptions & { data: string[]; json?: true | undefined };

/** `selfsight evaluate all RUN --data DATA ...`; by one process or several. */
export const evaluateEverything = (source: string, { processes, deadline, ...options }: AllOptions): Promise<void> =>
  withHelpers("evaluate all", { processes, deadline }, (sharing) => everythingWith(sharing, source, options));

async function everythingWith(
  sharing: Sharing | undefined,
  source: string,
  { data, json, ...options }: AllOptions,
): Promise<void> {
  const said = new Set<string>();
  const warnOnce = (message: string) => {
    if (!said.has(message)) warn(message); // each protocol opens the pictures again
    said.add(message);
  };
  const all = await evaluateAll(source, data, {
    ...options,
    warn: warnOnce,
    reading: () => reading({ json }, sharing),
    ...(!json && {
      onFound: (_, set, report) => console.log(`${displayName(set)}: ${lineOf(report)}`),
      onRefused: (name, set, reason) =>
        console.log(`${displayName(set)}: ${name} not measured: ${displayName(reason)}`),
    }),
  });
  if (json) console.log(JSON.stringify(all, null, 2));
  else
    console.log(
      `\n${[all.path, all.report]
        .filter((path) => path !== null)
        .map(displayName)
        .join(" and ")} have it`,
    );
}

function lineOf(report: ProtocolReport & { interval?: Interval | null }): string {
  const { protocol, value, interval } = report;
  return `${protocol}: ${percent(value)}${interval ? ` (95 % interval ${intervalText(interval)})` : ""}`;
}
