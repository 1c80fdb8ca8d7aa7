import { addon, type DType, type Handle, type NumberArray } from "./addon.ts";
import { refuseWhileCapturing } from "./gpu/graphs.ts";
import { type EngineTensor, engineCall } from "./operators.ts";
import { freeAll, registerBirth } from "./scope.ts";

/** A tensor's place in the addon's table: what lies there, its numbers, its gradient's place. The arithmetic stands in tensor.ts. */
export class Slot {
  readonly handle: Handle;
  #shape: readonly number[] | undefined;
  #dtype: DType | undefined;
  #device: string | undefined;

  constructor(handle: Handle) {
    this.handle = handle;
    registerBirth(this);
  }

  get shape(): readonly number[] {
    return this.#shape ?? this.#describe().shape;
  }
  get dtype(): DType {
    return this.#dtype ?? this.#describe().dtype;
  }
  get device(): string {
    return this.#device ?? this.#describe().device;
  }
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
  get isAlive(): boolean {
    return addon().isAlive(this.handle);
  }
  /** The size of one dimension; negative counts from the end. */
  size(dim: number): number {
    return this.shape.at(dim)!;
  }
  /** Frees it now; a second time is harmless. */
  free(): void {
    freeAll([this]);
  }

  #describe() {
    const facts = this.call("shape", () => addon().describe(this.handle));
    this.#shape = Object.freeze(facts.shape);
    this.#dtype = facts.dtype;
    this.#device = facts.device;
    return facts;
  }
  protected call<T>(name: string, body: () => T): T {
    return engineCall(name, [this], body);
  }

  // ---- numbers out ----

  /** The number in a tensor of one element; waits for the device. */
  item(): number {
    refuseWhileCapturing("item");
    return this.call("item", () => addon().item(this.handle));
  }
  /** A copy of the elements in row-major order; float16 and bfloat16 come as float32. */
  data(): NumberArray {
    refuseWhileCapturing("data");
    return this.call("data", () => addon().toTypedArray(this.handle));
  }
  /** A typed array on the tensor's own memory, without a copy, alive as long as the array; contiguous CPU tensors only. */
  lend(): NumberArray {
    refuseWhileCapturing("lend");
    return this.call("lend", () => addon().lendTypedArray(this.handle));
  }

  // ---- autograd ----

  get requiresGrad(): boolean {
    return this.call("requiresGrad", () => addon().requiresGrad(this.handle));
  }
  requiresGrad_(wanted = true): this {
    this.call("requiresGrad_", () => addon().requiresGrad(this.handle, wanted));
    return this;
  }
  /** Replaces the contents, place and type by another tensor's; the handle stays. */
  setData(values: EngineTensor): void {
    this.call("setData", () => addon().setData(this.handle, values.handle));
    this.#shape = undefined;
    this.#dtype = undefined;
    this.#device = undefined;
  }
  clearGrad(): void {
    this.call("clearGrad", () => addon().setGradient(this.handle, null));
  }
  setGrad(gradient: EngineTensor): void {
    this.call("setGrad", () => addon().setGradient(this.handle, gradient.handle));
  }
}
