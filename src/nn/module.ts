import { SelfsightError } from "../errors.ts";
import { noGrad, scope, Tensor } from "../torch/index.ts";

/**
 * A network or a part of one. Tensors, modules, arrays and plain objects in its public fields are found by walking the object
 * when asked, in the order in which the constructor made them; nothing is registered, so nothing can be forgotten. Fields are
 * named as PyTorch names them, so weights interchange.
 */
export abstract class Module {
  /** Batch statistics while training, running statistics otherwise. */
  training = true;

  abstract forward(input: Tensor): Tensor;

  /** Fields that are state but not learned, such as running means. */
  get bufferNames(): readonly string[] {
    return [];
  }

  /** Sets the mode of this module and all below it. */
  train(training = true): this {
    for (const module of modulesIn(this)) module.training = training;
    return this;
  }

  eval(): this {
    return this.train(false);
  }
}

interface Found {
  name: string;
  tensor: Tensor;
  isBuffer: boolean;
}

function* walk(value: unknown, name: string, isBuffer: boolean): Generator<Found> {
  if (value instanceof Tensor) yield { name, tensor: value, isBuffer };
  else if (isBranch(value)) {
    const buffers = value instanceof Module ? value.bufferNames : [];
    for (const [key, child] of Object.entries(value))
      yield* walk(child, name ? `${name}.${key}` : key, buffers.includes(key));
  }
}

/** This module and all below it. */
export function* modulesIn(value: unknown): Generator<Module> {
  if (value instanceof Module) yield value;
  if (isBranch(value)) for (const child of Object.values(value)) yield* modulesIn(child);
}

const isBranch = (value: unknown): value is object =>
  value instanceof Module ||
  Array.isArray(value) ||
  (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype);

/** The parts of a network: one module, or named modules such as `{ backbone, projector }`. */
export type Network = Module | { readonly [name: string]: Network };

/** What is learned, under PyTorch's dotted names, in the order of PyTorch's `named_parameters()`. */
export const namedParameters = (network: Network): Map<string, Tensor> => collect(network, (found) => !found.isBuffer);

/** Parameters and buffers, as PyTorch's `state_dict()`. */
export const stateOf = (network: Network): Map<string, Tensor> => collect(network, () => true);

function collect(network: Network, isWanted: (found: Found) => boolean): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const found of walk(network, "", false)) if (isWanted(found)) tensors.set(found.name, found.tensor);
  return tensors;
}

/** Copies stored values into a network of the same names and shapes. Errors: checkpoint, naming the first ten that differ. */
export const loadState = (network: Network, values: ReadonlyMap<string, Tensor>): void =>
  loadTensors(stateOf(network), values);

/** The same into any tensors that stand under their names, such as an optimizer's. Errors as of `loadState`. */
export function loadTensors(own: ReadonlyMap<string, Tensor>, values: ReadonlyMap<string, Tensor>): void {
  const problems = [...own].flatMap(([name, tensor]) => mismatch(name, tensor, values.get(name)));
  for (const name of values.keys()) if (!own.has(name)) problems.push(`${name} is not in the network`);
  if (problems.length > 0) throw loadRefusal(problems);
  noGrad(() => {
    for (const [name, tensor] of own) tensor.copy_(values.get(name)!);
  });
}

function mismatch(name: string, own: Tensor, given: Tensor | undefined): string[] {
  if (!given) return [`${name} is missing`];
  if (own.shape.join() === given.shape.join()) return [];
  return [`${name} is [${given.shape.join(", ")}], the network has [${own.shape.join(", ")}]`];
}

function loadRefusal(problems: string[]): SelfsightError {
  const rest = problems.length > 10 ? ` and ${problems.length - 10} more` : "";
  const text = `load weights: ${problems.slice(0, 10).join("; ")}${rest}; names and shapes must be equal; check backbone, width and projector`;
  return new SelfsightError("checkpoint", text);
}

/** Switches recording of gradients on or off for all parameters. */
export function setRequiresGrad(network: Network, wanted: boolean): void {
  for (const tensor of namedParameters(network).values()) tensor.requiresGrad_(wanted);
}

/** Moves a network to a device. libtorch moves a tensor by making another; the network's own handles stay, so their contents are replaced. */
export function moveNetwork(network: Network, device: string): void {
  noGrad(() =>
    scope(() => {
      for (const tensor of stateOf(network).values())
        if (tensor.device !== device) tensor.setData(tensor.toDevice(device));
    }),
  );
}

/** Frees every tensor of a network. */
export function freeNetwork(network: Network): void {
  for (const tensor of stateOf(network).values()) tensor.free();
}
