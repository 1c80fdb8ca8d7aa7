/** LAYER 4: trained networks for other programs. */
export {
  type BackboneDescription,
  type BackboneWeights,
  backboneTensors,
  buildBackbone,
  describeWeights,
  readWeights,
} from "./backbone.ts";
export { torchvisionLoader } from "./torchvision.ts";
