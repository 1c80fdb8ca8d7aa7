#!/usr/bin/env node
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (!existsSync(main)) {
  console.error("selfsight: it is not built yet; it is compiled once on this machine; run `npm run setup`");
  process.exit(2);
}
await import(main.href);
