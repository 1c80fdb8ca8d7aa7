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
  fromStored,
  readSafetensors,
  type StoredTensor,
  type StoredTensors,
  safetensorsHeader,
  stored,
  storedMap,
} from "./formats/safetensors.ts";
export { torchvisionLoader } from "./torchvision.ts";
