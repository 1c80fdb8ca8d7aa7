// What losses are divided by where several processes hold parts of a batch.  W processes
import { type ProcessGroup, scope, setProcessGroup, sumOverProcesses, type Tensor, tensor } from "../torch/index.ts";

/** What a step learns from: sampled anchors, sampled proposals, and those of them that show an object. */
export interface SampledCounts {
  anchors: number;
  boxes: number;
  objects: number;
}

/** Those of all processes together; each of them calls it once a step, whatever its pictures show. */
export function sampledByAll(
  { anchors, boxes, objects }: SampledCounts,
  group: ProcessGroup | undefined,
): SampledCounts {
  if (!group) return { anchors, boxes, objects };
  const sums = scope(() => {
    const row = tensor([anchors, boxes, objects], [3]); // float32, exact below 2^24
    sumOverProcesses([row], group);
    return [...row.float32()] as [number, number, number];
  });
  return { anchors: sums[0], boxes: sums[1], objects: sums[2] };
}

/** A mean over `own` of `all` values as this process's part of the mean over all of them: the parts of all processes add up to it. */
export const partOf = (mean: Tensor, own: number, all: number): Tensor => (own === all ? mean : mean.mul(own / all));

/** Runs `body` as if this process were the only one: all of them do, where there is nothing that they could have in common. */
export function alone<T>(group: ProcessGroup | undefined, body: () => T): T {
  setProcessGroup(undefined);
  try {
    return body();
  } finally {
    setProcessGroup(group);
  }
}
