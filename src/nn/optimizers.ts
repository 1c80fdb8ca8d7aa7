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
   * `following` gives numbers that are others in a later update (then `factor` is asked for each); default as they are.
   */
  step(factor: number | (() => number), loss?: Tensor, following?: FollowedNumbers): void;
  /** Forgets the gradients. */
  clearGradients(): void;
  /** Momentum and moments by name, for a checkpoint; the tensors themselves, so copying into them restores the state. */
  state(): Map<string, Tensor>;
  /** Numbers of the state, such as the count of updates. */
  counters: { updates: number };
  /** [] float32: 1 from the first loss on that was not finite, 0 before. */
  readonly halted: Tensor;
}

/** Makes a tensor [] of a number that another update, played back from this one, will have another of. */
export interface FollowedNumbers {
  number(of: () => number): Tensor;
}

interface Entry {
  group: ParameterGroup;
  /** A tensor [] where updates are played back. */
  rate: number | Tensor;
  parameters: Tensor[];
  gradients: Tensor[];
  /** One list for each kind of state, in the order of `parameters`. */
  state: Tensor[][];
  halted: Tensor;
}

type Rule = (entry: Entry, updates: () => number, following?: FollowedNumbers) => void;

/** The common part: groups checked, state kept by name, gradients gathered. */
function optimizer(groups: readonly ParameterGroup[], kinds: readonly string[], rule: Rule): Optimizer {
  checkGroups(groups);
  const state = new Map<string, Tensor>();
  for (const { parameters } of groups)
    for (const [name, parameter] of parameters)
      for (const kind of kinds) state.set(`${kind}.${name}`, keep(noGrad(() => parameter.zerosLike())));
  const counters = { updates: 0 };
  const halted = keep(zeros([], { device: [...groups[0]!.parameters.values()][0]!.device }));
  const entryOf = (group: ParameterGroup, factor: () => number, following?: FollowedNumbers): Entry => {
    const learned = [...group.parameters].flatMap(([name, parameter]) => withGradient(name, parameter));
    const rate = () => group.learningRate * (group.followsSchedule === false ? 1 : factor());
    return {
      group,
      rate: following?.number(rate) ?? rate(),
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
    step(factor, loss, following) {
      counters.updates += 1;
      const updates = () => counters.updates;
      const factorNow = typeof factor === "number" ? () => factor : factor;
      const update = () => {
        if (loss) op["masked_fill_.Scalar"](halted, loss.sub(loss).ne(0), 1); // not 0 where it is infinite or no number
        const entries = groups.map((group) => entryOf(group, factorNow, following));
        for (const entry of entries) if (entry.parameters.length > 0) rule(entry, updates, following);
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
    const settings = [0, nesterov, false, false, null, halted] as const;
    if (typeof rate === "number")
      op._fused_sgd_(parameters, gradients, momenta, weightDecay, momentum, rate, ...settings);
    else op["_fused_sgd_.tensor_lr"](parameters, gradients, momenta, weightDecay, momentum, rate, ...settings);
    return;
  }
  if (isHalted(halted)) return;
  const direction =
    weightDecay === 0 && !nesterov ? gradients : op["_foreach_add.List"](gradients, parameters, weightDecay);
  op["_foreach_mul_.Scalar"](buffers, momentum);
  op["_foreach_add_.List"](buffers, direction);
  if (nesterov) op["_foreach_add_.List"](direction, buffers, momentum);
  op["_foreach_add_.List"](parameters, nesterov ? direction : buffers, -plain(rate));
}

/** Releases without fused updates play nothing back. */
function plain(rate: number | Tensor): number {
  if (typeof rate === "number") return rate;
  throw new CallError(
    "optimizer: a rate that lies on the device; a libtorch with fused updates is needed; take 2.3 or newer",
  );
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
    const scale = clipsRatio ? { eta, per: rate, most: 1 } : { eta, per: 1, most: Number.POSITIVE_INFINITY };
    if (group.isAdapted) op["_foreach_mul_.List"](direction, trustRatios(parameters, direction, scale));
    withMomentum(entry, direction, { momentum });
  });
}

/** eta ‖p‖ / ‖d‖ / per for each parameter, `most` at the most, 1 where either norm is zero; stays on the device. */
function trustRatios(
  parameters: readonly Tensor[],
  direction: readonly Tensor[],
  { eta, per, most }: { eta: number; per: number | Tensor; most: number },
): Tensor[] {
  const parameterNorms = stack(op["_foreach_norm.Scalar"](parameters)); // [P]
  const directionNorms = stack(op["_foreach_norm.Scalar"](direction)); // [P]
  const isBothPositive = parameterNorms.gt(0).logicalAnd(directionNorms.gt(0));
  const lengths = typeof per === "number" ? parameterNorms.mul(eta / per) : parameterNorms.mul(eta).div(per);
  const adapted = lengths.div(directionNorms).clamp({ max: most });
  return op["unbind.int"](where(isBothPositive, adapted, op.ones_like(parameterNorms)));
}

/** Adam with decoupled weight decay (arXiv 1711.05101), PyTorch's defaults. */
export function adamw(groups: readonly ParameterGroup[], { beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = {}): Optimizer {
  return optimizer(groups, ["mean", "square"], (entry, updates, following) => {
    const { group, rate, parameters, gradients, state, halted } = entry;
    const [means, squares] = state as [Tensor[], Tensor[]];
    if (isSupported("_fused_adamw_")) {
      const count = following?.number(updates) ?? tensor([updates()], [], { device: parameters[0]!.device });
      const lists = [parameters, gradients, means, squares, [], parameters.map(() => count)] as const;
      const settings = [beta1, beta2, group.weightDecay, eps, false, false, null, halted] as const;
      if (typeof rate === "number") op._fused_adamw_(...lists, rate, ...settings);
      else op["_fused_adamw_.tensor_lr"](...lists, rate, ...settings);
      return;
    }
    adamwStep(entry, updates(), { beta1, beta2, eps });
  });
}

/** The same, list by list. */
function adamwStep(
  { group, rate: given, parameters, gradients, state, halted }: Entry,
  updates: number,
  { beta1, beta2, eps }: { beta1: number; beta2: number; eps: number },
): void {
  const [means, squares] = state as [Tensor[], Tensor[]];
  const rate = plain(given);
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
}

/** Frees an optimizer's state. */
export const freeOptimizer = ({ state, halted }: Optimizer): void => freeAll([...state().values(), halted]);
