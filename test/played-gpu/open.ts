// Prints what opening the kernels of views answers: open.ts PLACE PATH_OF_NVRTC.
import { addon } from "../../src/torch/addon.ts";

try {
  addon().openGpuViews(Number(process.argv[2]), [process.argv[3]!]);
  console.log("open");
} catch (error) {
  console.log((error as Error).message);
}
