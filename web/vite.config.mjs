// The live page as three files without parts that are loaded later: so they also open from a folder, without a server.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("ui"),
  base: "./",
  publicDir: here("ui/public"),
  logLevel: "warn",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: here("../dist/ui"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: { format: "iife", entryFileNames: "ui.js", assetFileNames: "ui[extname]" },
    },
  },
  plugins: [
    {
      // A script of another kind than a module is what browsers load from a folder.
      name: "plain-script",
      transformIndexHtml: (html) =>
        html.replace(/<script type="module" crossorigin/, "<script defer").replace(/ crossorigin/g, ""),
    },
  ],
});
