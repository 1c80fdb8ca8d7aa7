/** LAYER 1: tensors of libtorch in TypeScript. */
export type { DType, GpuDriver, NumberArray } from "./addon.ts";
export {
  arange,
  borrow,
  cat,
  dtypeOf,
  empty,
  eye,
  full,
  indexTensor,
  ones,
  type Place,
  rand,
  randn,
  sendBytes,
  stack,
  type Travelling,
  tensor,
  where,
  zeros,
} from "./create.ts";
export { freeMemory, type GpuFacts, gpuFacts } from "./gpu/gpu.ts";
export { capture, type Graph, isCapturing, useOwnStream } from "./gpu/graphs.ts";
export { type Late, late } from "./late.ts";
export { torchvisionProblem } from "./libraries/torchvision.ts";
export {
  type AutocastOptions,
  autocast,
  backward,
  engine,
  giveBackMemory,
  gradients,
  isRecording,
  loadLibrary,
  lockFile,
  manualSeed,
  noGrad,
  randomState,
  setRandomState,
  synchronize,
  threads,
} from "./modes.ts";
export { type EngineTensor, isSupported, type MemoryFormat, type Operators } from "./operators.ts";
export {
  type BatchNormParts,
  type GradientSum,
  type GroupOptions,
  gatherCounted,
  gatherRows,
  globalBatchNorm,
  type Meeting,
  openGradientSum,
  openMeeting,
  openNccl,
  type ProcessGroup,
  processGroup,
  rowsOfRank,
  type SharedParameter,
  setProcessGroup,
  sumOverProcesses,
  takeFrom,
} from "./processes.ts";
export { product } from "./products.ts";
export { freeAll, keep, liveTensors, type Owned, type RefusedPromise, scope } from "./scope.ts";
export { type Operand, op, type Reduction, Tensor } from "./tensor.ts";
export { fusedViews, fusedViewsProblem } from "./views.ts";
