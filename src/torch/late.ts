import { addon } from "./addon.ts";
import { noGrad } from "./modes.ts";
import { engineCall } from "./operators.ts";
import { freeAll, keep, type RefusedPromise, scope } from "./scope.ts";
import { op, type Tensor } from "./tensor.ts";

/** Numbers that a device may still be computing. */
export interface Late<T> {
  /** Waits for what makes them, not for what was given to the device since; a second time it answers the same. */
  read(): T;
}

/**
 * What `finish` makes of some tensors, when it is asked for. Their copies to host memory start now, behind the work that computes them;
 * a program that gives the device its next work before it reads never leaves it idle. `finish` gets the copies, on the CPU, where reading
 * costs nothing. They are held until `read`. A CPU's tensors are not copied: they must not be written to before.
 */
export function late<T>(
  tensors: readonly Tensor[],
  finish: (...copies: Tensor[]) => T,
  ...refused: RefusedPromise<T>
): Late<T> {
  const copies = tensors.map((tensor) => keep(onItsWayToHost(tensor)));
  const marks = devicesOf(tensors).map((device) => engineCall("mark", [device], () => addon().mark(device)));
  let found: { value: T } | undefined;
  const settle = () => {
    for (const mark of marks) if (mark) engineCall("awaitMark", [], () => addon().awaitMark(mark));
    try {
      return { value: noGrad(() => scope(() => finish(...copies), ...refused), ...refused) };
    } finally {
      freeAll(copies);
    }
  };
  return {
    read() {
      found ??= settle();
      return found.value;
    },
  };
}

const devicesOf = (tensors: readonly Tensor[]): string[] => [...new Set(tensors.map(({ device }) => device))];

/** An unawaited copy to the CPU lands in memory that the device writes by itself. */
const onItsWayToHost = (tensor: Tensor): Tensor =>
  noGrad(() => (tensor.device === "cpu" ? tensor.detach() : op["to.device"](tensor, "cpu", tensor.dtype, true)));
