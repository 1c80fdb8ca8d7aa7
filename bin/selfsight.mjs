#!/usr/bin/env node
import { existsSync } from "node:fs";

try {
  process.cwd();
} catch {
  console.error(
    "selfsight: start: the current folder was deleted; a folder that stands is needed; change to one (cd) and start again",
  );
  process.exit(4);
}
const main = new URL("../dist/cli/main.js", import.meta.url);
if (!existsSync(main)) {
  console.error("selfsight: it is not built yet; it is compiled once on this machine; run `npm run setup`");
  process.exit(2);
}
await import(main.href);
