// Optimizers over lists of parameters: one `_foreach_` call does one operation for all of them.

import { CallError } from "../errors.ts";
import {
  freeAll,
  isSupported,
  keep,
  noGrad,
  op,
  scope,
  stack,
  type Tensor,
  tensor,
  where,
  zeros,
} from "../torch/index.ts";

export interface ParameterGroup {
  name: string;
  parameters: ReadonlyMap<string, Tensor>;
  /** Peak rate; the schedule multiplies it. */
  learningRate: number;
  weightDecay: number;
  /** LARS only: whether the rate is adapted to the norms. */
  isAdapted?: boolean;
  /** False for a rate that stays constant (SimSiam's predictor). Default true. */
  followsSchedule?: boolean;
}

export interface Optimizer {
  readonly groups: readonly ParameterGroup[];
  /**
   * One update with every group's rate multiplied by `factor`; parameters without a gradient are left as they are. Given the loss [] that
   * the gradients are of, it is none where that is not finite, nor is any later one: the device sees to it, nothing is read.
   */
  step(factor: number, loss?: Tensor): void;
  /** Forgets the gradients. */
  clearGradients(): void;
  /** Momentum and moments by name, for a checkpoint; the tensors themselves, so copying into them restores the state. */
  state(): Map<string, Tensor>;
  /** Numbers of the state, such as the count of updates. */
  counters: { updates: number };
  /** [] float32: 1 from the first loss on that was not finite, 0 before. */
  readonly halted: Tensor;
}

interface Entry {
  group: ParameterGroup;
  rate: number;
  parameters: Tensor[];
  gradients: Tensor[];
  /** One list for each kind of state, in the order of `parameters`. */
  state: Tensor[][];
  halted: Tensor;
}

type Rule = (entry: Entry, updates: number) => void;

/** The common part: groups checked, state kept by name, gradients gathered. */
function optimizer(groups: readonly ParameterGroup[], kinds: readonly string[], rule: Rule): Optimizer {
  checkGroups(groups);
  const state = new Map<string, Tensor>();
  for (const { parameters } of groups)
    for (const [name, parameter] of parameters)
      for (const kind of kinds) state.set(`${kind}.${name}`, keep(noGrad(() => parameter.zerosLike())));
  const counters = { updates: 0 };
  const halted = keep(zeros([], { device: [...groups[0]!.parameters.values()][0]!.device }));
  const entryOf = (group: ParameterGroup, factor: number): Entry => {
    const learned = [...group.parameters].flatMap(([name, parameter]) => withGradient(name, parameter));
    return {
      group,
      rate: group.learningRate * (group.followsSchedule === false ? 1 : factor),
      parameters: learned.map(({ parameter }) => parameter),
      gradients: learned.map(({ gradient }) => gradient),
      state: kinds.map((kind) => learned.map(({ name }) => state.get(`${kind}.${name}`)!)),
      halted,
    };
  };
  return {
    groups,
    counters,
    halted,
    state: () => state,
    step(factor, loss) {
      counters.updates += 1;
      const update = () => {
        if (loss) op["masked_fill_.Scalar"](halted, loss.sub(loss).ne(0), 1); // not 0 where it is infinite or no number
        const entries = groups.map((group) => entryOf(group, factor));
        for (const entry of entries) if (entry.parameters.length > 0) rule(entry, counters.updates);
      };
      noGrad(() => scope(update));
    },
    clearGradients() {
      for (const { parameters } of groups) for (const parameter of parameters.values()) parameter.clearGrad();
    },
  };
}

function withGradient(name: string, parameter: Tensor) {
  const gradient = parameter.grad;
  return gradient ? [{ name, parameter, gradient }] : [];
}

function checkGroups(groups: readonly ParameterGroup[]): void {
  const seen = new Set<number>();
  for (const { name, parameters } of groups) {
    if (parameters.size === 0)
      throw new CallError(
        `optimizer: group ${name} has no parameters; it would train nothing; build the network first`,
      );
    for (const [parameterName, parameter] of parameters) {
      if (seen.has(parameter.handle))
        throw new CallError(
          `optimizer: parameter ${parameterName} stands in two groups; it would be updated twice; give it to one`,
        );
      seen.add(parameter.handle);
    }
  }
}

/** p ← p − lr μ, μ ← m μ + g + wd p. PyTorch's SGD; one fused pass where libtorch has it. */
export function sgd(groups: readonly ParameterGroup[], { momentum = 0.9, nesterov = false } = {}): Optimizer {
  return optimizer(groups, ["momentum"], (entry) =>
    withMomentum(entry, entry.gradients, { momentum, nesterov, weightDecay: entry.group.weightDecay }),
  );
}

interface MomentumOptions {
  momentum: number;
  nesterov?: boolean;
  weightDecay?: number;
}

/** What SGD and LARS end with: d ← d + wd p, μ ← m μ + d, p ← p − lr μ (Nesterov: d + m μ). */
function withMomentum(
  { rate, parameters, state, halted }: Entry,
  gradients: readonly Tensor[],
  { momentum, nesterov = false, weightDecay = 0 }: MomentumOptions,
): void {
  const buffers = state[0]!;
  if (isSupported("_fused_sgd_")) {
    const momenta = momentum === 0 ? [] : buffers; // the fused pass takes none where there is nothing to remember
    const settings = [weightDecay, momentum, rate, 0, nesterov, false, false] as const;
    op._fused_sgd_(parameters, gradients, momenta, ...settings, null, halted);
    return;
  }
  if (isHalted(halted)) return;
  const direction =
    weightDecay === 0 && !nesterov ? gradients : op["_foreach_add.List"](gradients, parameters, weightDecay);
  op["_foreach_mul_.Scalar"](buffers, momentum);
  op["_foreach_add_.List"](buffers, direction);
  if (nesterov) op["_foreach_add_.List"](direction, buffers, momentum);
  op["_foreach_add_.List"](parameters, nesterov ? direction : buffers, -rate);
}

/** Read at once, for releases whose updates cannot be told to be none. */
const isHalted = (halted: Tensor): boolean => halted.item() !== 0;

/**
 * LARS as in the official Barlow Twins code (arXiv 1708.03888): d = g + wd p; in adapted groups d ← d · eta ‖p‖ / ‖d‖ where
 * both norms are positive; μ ← m μ + d; p ← p − lr μ. No epsilon; the rate stays outside the momentum. `clipsRatio`, as solo-learn
 * has it on CIFAR: d ← d · min(eta ‖p‖ / (lr ‖d‖), 1), so that no step is longer than SGD's.
 */
export function lars(
  groups: readonly ParameterGroup[],
  { momentum = 0.9, eta = 0.001, clipsRatio = false } = {},
): Optimizer {
  return optimizer(groups, ["momentum"], (entry) => {
    const { group, rate, parameters, gradients } = entry;
    const direction = op["_foreach_add.List"](gradients, parameters, group.weightDecay);
    const scale = clipsRatio ? { eta: eta / rate, most: 1 } : { eta, most: Number.POSITIVE_INFINITY };
    if (group.isAdapted) op["_foreach_mul_.List"](direction, trustRatios(parameters, direction, scale));
    withMomentum(entry, direction, { momentum });
  });
}

/** eta ‖p‖ / ‖d‖ for each parameter, `most` at the most, 1 where either norm is zero; stays on the device. */
function trustRatios(
  parameters: readonly Tensor[],
  direction: readonly Tensor[],
  { eta, most }: { eta: number; most: number },
): Tensor[] {
  const parameterNorms = stack(op["_foreach_norm.Scalar"](parameters)); // [P]
  const directionNorms = stack(op["_foreach_norm.Scalar"](direction)); // [P]
  const isBothPositive = parameterNorms.gt(0).logicalAnd(directionNorms.gt(0));
  const adapted = parameterNorms.mul(eta).div(directionNorms).clamp({ max: most });
  return op["unbind.int"](where(isBothPositive, adapted, op.ones_like(parameterNorms)));
}

/** Adam with decoupled weight decay (arXiv 1711.05101), PyTorch's defaults. */
export function adamw(groups: readonly ParameterGroup[], { beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = {}): Optimizer {
  return optimizer(groups, ["mean", "square"], ({ group, rate, parameters, gradients, state, halted }, updates) => {
    const [means, squares] = state as [Tensor[], Tensor[]];
    if (isSupported("_fused_adamw_")) {
      const count = tensor([updates], [], { device: parameters[0]!.device });
      const counts = parameters.map(() => count);
      op._fused_adamw_(
        parameters,
        gradients,
        means,
        squares,
        [],
        counts,
        rate,
        beta1,
        beta2,
        group.weightDecay,
        eps,
        false,
        false,
        null,
        halted,
      );
      return;
    }
    if (isHalted(halted)) return;
    op["_foreach_mul_.Scalar"](parameters, 1 - rate * group.weightDecay);
    op["_foreach_mul_.Scalar"](means, beta1);
    op["_foreach_add_.List"](means, gradients, 1 - beta1);
    op["_foreach_mul_.Scalar"](squares, beta2);
    op["_foreach_addcmul_.Scalar"](squares, gradients, gradients, 1 - beta2);
    const denominators = op._foreach_sqrt(squares);
    op["_foreach_mul_.Scalar"](denominators, 1 / Math.sqrt(1 - beta2 ** updates));
    op["_foreach_add_.Scalar"](denominators, eps);
    op["_foreach_addcdiv_.Scalar"](parameters, means, denominators, -rate / (1 - beta1 ** updates));
  });
}

/** Frees an optimizer's state. */
export const freeOptimizer = ({ state, halted }: Optimizer): void => freeAll([...state().values(), halted]);
