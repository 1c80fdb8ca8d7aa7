// The page of a network at work in the browser: its document and its style. What it does is in web/page.
import { html, Markup } from "./charts/markup.ts";
import { style } from "./style.ts";

/** Only what lies beside it; WebAssembly for the network, and a picture that was dropped. */
const policy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src 'self' blob:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export interface ProductPage {
  title: string;
  /** What the network is, in one sentence. */
  network: string;
  /** Side of a small picture in pixels. */
  side: number;
}

const pageStyle = ({ side }: ProductPage) => `
#drop { border: 2px dashed var(--rule); border-radius: 12px; padding: 22px; text-align: center; margin: 18px 0; }
#drop:focus-within { border-color: var(--three); }
#drop p { margin: 6px auto 0; }
#said { min-height: 1.6em; font-weight: 600; margin: 8px auto; text-align: center; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(${side}px, 1fr)); gap: 12px 10px; margin: 12px 0; }
.grid button { all: unset; cursor: pointer; width: ${side}px; border-radius: 6px; }
.grid button:focus-visible { outline: 3px solid var(--three); outline-offset: 2px; }
.small { display: block; width: ${side}px; height: ${side}px; border-radius: 6px; background-color: var(--panel); background-repeat: no-repeat; }
.note { display: block; font-size: 0.78rem; color: var(--soft); min-height: 1.2em; overflow-wrap: anywhere; }
#query { display: flex; align-items: center; gap: 14px; overflow-wrap: anywhere; }
#query img { width: 128px; height: 128px; object-fit: contain; image-rendering: auto; border-radius: 6px; }
.name { display: flex; flex-wrap: wrap; gap: 10px; align-items: center; }
input[type=text], .name button { font: inherit; padding: 6px 10px; border: 1px solid var(--rule); border-radius: 6px; background: var(--ground); color: var(--ink); }
`;

/** The whole document. */
export const productPage = (page: ProductPage): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${page.title}</title>
<link rel="icon" href="page/icon.svg">
<style>${new Markup(style + pageStyle(page))}</style>
<script type="module" src="page/main.js"></script>
</head>
<body>
<main>
<h1>${page.title}</h1>
<p class="lead">Drop a picture and see which of these are like it. It stays in this browser: nothing is sent anywhere.</p>
<div id="drop"><label>A picture to look for: <input id="file" type="file" accept="image/*"></label><p class="soft">or drop one here, or paste it</p></div>
<p id="said" role="status" aria-live="polite">Loading the network …</p>
<section id="found" hidden><h2>Most alike</h2><div id="query"></div><p id="guess"></p><div id="nearest" class="grid"></div></section>
<section><h2>Name some, sort all</h2>
<p>Type a class and click a few pictures of it, then another. All others are put with the class whose pictures they are nearest to; the number is by how much. With nothing typed, a click shows what is like that picture.</p>
<p class="name"><label>Class <input id="class" type="text" autocomplete="off"></label><button id="forget" type="button" hidden>Forget the classes</button></p>
<div id="classes"></div></section>
<section><h2>The pictures</h2><div id="folder" class="grid"></div></section>
<p class="soft">${page.network}</p>
<noscript><p>This page computes in your browser and needs JavaScript.</p></noscript>
</main>
</body>
</html>
`.text;

/** The correlation matrix after training, as an icon. */
export const pageIcon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><rect width="4" height="4" fill="#f7f7f7"/><path d="M0 0h1v1h1v1h1v1h1v1h-1v-1h-1v-1h-1v-1h-1z" fill="#b2182b"/></svg>';
