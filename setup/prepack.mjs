// Before `npm pack` and `npm publish`: the compiled sources and nothing older beside them.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { compileSources } from "./clone.mjs";
import { projectRoot } from "./current.mjs";

rmSync(join(projectRoot, "dist"), { recursive: true, force: true });
compileSources();
