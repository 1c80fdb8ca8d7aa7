// The body of a run's process: see `pretrainInProcess`.
import { type Dataset, openDataset } from "../../data/index.ts";
import { SelfsightError } from "../../errors.ts";
import type { LogEvent } from "../../train/index.ts";
import { type PretrainResult, pretrain, type RunOptions, resume } from "../pretrain.ts";
import type { Order, Report, SentData } from "./pretrain.ts";
import { serveOrder } from "./serve-order.ts";

serveOrder<Order, Report>(async (order, { say, signal }) => {
  const onEvent = (event: LogEvent) => void say({ kind: "event", event });
  try {
    return { kind: "ended", result: await carryOut(order, { signal, onEvent }) };
  } catch (error) {
    return { kind: "failed", failure: failureOf(error) };
  }
});

async function carryOut(order: Order, running: RunOptions): Promise<PretrainResult> {
  const data = await opened(order.data);
  if (order.kind === "pretrain") return pretrain(data!, order.settings, { ...order.options, ...running });
  return resume(order.folder, order.settings, { ...order.options, data, ...running });
}

const opened = async (sent: SentData): Promise<string | Dataset | undefined> =>
  "source" in sent ? openDataset(sent.source.data, sent.source) : sent.data;

function failureOf(error: unknown): Extract<Report, { kind: "failed" }>["failure"] {
  if (error instanceof SelfsightError) return { kind: error.kind, message: error.message };
  return { kind: "bug", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
