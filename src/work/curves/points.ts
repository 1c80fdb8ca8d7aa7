// A run's log as numbers over its steps, for programs that draw curves.
import type { LogEvent } from "../../train/index.ts";

/** What was logged at a step, by names such as `train/loss` and `evaluation/online knn-v1 ...`. */
export interface CurvePoint {
  step: number;
  /** Since 1970. Steps carry no time of their own: it follows from the start and the images a second. */
  seconds: number;
  values: Readonly<Record<string, number>>;
}

/** Takes a log's events in order and gives their points; those of a resumed run go on behind its new start. */
export function curvePoints(batchSize: number): (event: LogEvent) => CurvePoint | undefined {
  let [seconds, lastStep] = [0, 0];
  return (event) => {
    if (event.event === "start") [seconds, lastStep] = [Date.parse(event.time) / 1000, event.step];
    if (event.event === "step") {
      seconds += event.imagesPerSecond > 0 ? ((event.step - lastStep) * batchSize) / event.imagesPerSecond : 0;
      lastStep = event.step;
      return { step: event.step, seconds, values: numbersOf(event) };
    }
    if (event.event !== "evaluation") return undefined;
    return { step: event.step, seconds, values: { [`evaluation/${event.protocol}`]: event.value } };
  };
}

function numbersOf({ event: _, step: __, stepShares, ...report }: Extract<LogEvent, { event: "step" }>) {
  const flat = Object.entries({ ...report }).filter((entry): entry is [string, number] => typeof entry[1] === "number");
  const shares = Object.entries(stepShares ?? {}).map(([part, share]) => [`share/${part}`, share] as const);
  return Object.fromEntries([...flat.map(([name, value]) => [`train/${name}`, value] as const), ...shares]);
}
