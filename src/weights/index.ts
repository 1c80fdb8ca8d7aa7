/** LAYER 3: weights in files, and whose layout they have. */
export {
  type BackboneDescription,
  type BackboneWeights,
  backboneTensors,
  buildBackbone,
  describeWeights,
  readWeights,
} from "./backbone.ts";
export {
  type DescribedTensor,
  decodeSafetensors,
  encodeSafetensors,
  encodeSafetensorsHeader,
  fromStored,
  readSafetensors,
  type StoredTensor,
  type StoredTensors,
  stored,
  storedMap,
} from "./formats/safetensors.ts";
export { type OnnxOptions, onnxModel, onnxOperatorSet } from "./onnx/onnx.ts";
export { timmLoader } from "./timm.ts";
export { torchvisionLoader } from "./torchvision.ts";
export { transformersConfig, transformersPreprocessing } from "./transformers.ts";
