// What a person does on the page: drop a picture and see what is like it, click pictures to name classes.
import { classesOf, classified, nearest, rowOf } from "./nearest.js";
import { type Network, openNetwork } from "./network.js";

/** pictures.json */
interface Pictures {
  names: string[];
  dimensions: number;
  /** Side of a small picture, how many stand in a row and a column of a sheet, and the sheets' files. */
  sheet: { side: number; across: number; down: number; files: string[] };
}

interface Page extends Pictures {
  /** Unit features [N, D]. */
  features: Float32Array;
  network: Network;
  /** Class of each row that a person named. */
  named: Map<number, string>;
  /** The picture that was dropped, if one was. */
  dropped: { name: string; address: string; vector: Float32Array } | undefined;
}

const shownNearest = 18;
const shownFolder = 120;

const element = <Kind extends HTMLElement>(id: string): Kind => document.getElementById(id) as Kind;

async function open(): Promise<void> {
  const pictures: Pictures = await (await fetch("pictures.json")).json();
  const features = new Float32Array(await (await fetch("features.bin")).arrayBuffer());
  const page: Page = { ...pictures, features, network: await openNetwork(), named: new Map(), dropped: undefined };
  listen(page);
  showFolder(page);
  say(`Ready: ${page.names.length} pictures. Drop one here, or choose one below.`);
}

const say = (sentence: string): void => {
  element("said").textContent = sentence;
};

function listen(page: Page): void {
  const zone = element("drop");
  element<HTMLInputElement>("file").addEventListener("change", ({ target }) => {
    const [file] = (target as HTMLInputElement).files ?? [];
    if (file) void ask(page, file);
  });
  zone.addEventListener("dragover", (event) => event.preventDefault());
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer?.files ?? [];
    if (file) void ask(page, file);
  });
  document.addEventListener("paste", ({ clipboardData }) => {
    const [file] = clipboardData?.files ?? [];
    if (file) void ask(page, file);
  });
  element("forget").addEventListener("click", () => {
    page.named.clear();
    showClasses(page);
  });
}

async function ask(page: Page, file: File): Promise<void> {
  try {
    say(`Looking at ${file.name} …`);
    const started = performance.now();
    const vector = await page.network.embed(file);
    if (page.dropped) URL.revokeObjectURL(page.dropped.address);
    page.dropped = { name: file.name, address: URL.createObjectURL(file), vector };
    say(`${file.name}: seen in ${Math.round(performance.now() - started)} ms, in this browser.`);
    showDropped(page, page.dropped);
  } catch {
    say(`${file.name} cannot be read as a picture. JPEG, PNG, WebP, GIF and AVIF can.`);
  }
}

function showDropped(page: Page, { name, address, vector }: NonNullable<Page["dropped"]>): void {
  const picture = document.createElement("img");
  picture.src = address;
  picture.alt = name;
  element("query").replaceChildren(picture, document.createTextNode(name));
  showNearest(page, vector);
}

function showNearest(page: Page, vector: Float32Array): void {
  const found = nearest(vector, page.features, shownNearest);
  element("nearest").replaceChildren(...found.map(({ row, similarity }) => tile(page, row, similarity.toFixed(3))));
  const guess = classified(vector, classesOf(page.named, page.features, page.dimensions));
  element("guess").textContent = guess ? `Most like “${guess.name}” (by ${guess.margin.toFixed(3)}).` : "";
  element("found").hidden = false;
}

/** Rows of the folder, evenly taken where there are many. */
function showFolder(page: Page): void {
  const step = Math.max(1, page.names.length / shownFolder);
  const rows = Array.from({ length: Math.min(shownFolder, page.names.length) }, (_, i) => Math.floor(i * step));
  element("folder").replaceChildren(...rows.map((row) => tile(page, row, "")));
}

/** A picture as a button: with a class typed it is named, without one its like are shown. */
function tile(page: Page, row: number, note: string): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.row = String(row);
  button.title = page.names[row]!;
  const small = document.createElement("span");
  small.className = "small";
  place(small, page, row);
  const text = document.createElement("span");
  text.className = "note";
  text.textContent = [page.named.get(row), note].filter(Boolean).join(" · ");
  button.append(small, text);
  button.setAttribute("aria-label", [page.names[row], text.textContent].filter(Boolean).join(", "));
  button.addEventListener("click", () => choose(page, row, page.names[row]!));
  return button;
}

/** Shows the part of a sheet where the picture is. */
function place(small: HTMLElement, { sheet: { side, across, down, files } }: Page, row: number): void {
  const within = row % (across * down);
  const [x, y] = [within % across, Math.floor(within / across)];
  small.style.backgroundImage = `url("${files[Math.floor(row / (across * down))]}")`;
  small.style.backgroundPosition = `-${x * side}px -${y * side}px`;
}

function choose(page: Page, row: number, name: string): void {
  const typed = element<HTMLInputElement>("class").value.trim();
  if (typed !== "") {
    page.named.set(row, typed);
    showClasses(page);
    return;
  }
  element("query").replaceChildren(document.createTextNode(name));
  showNearest(page, rowOf(page.features, page.dimensions, row));
}

/** Each class with the pictures that are most surely of it. */
function showClasses(page: Page): void {
  const classes = classesOf(page.named, page.features, page.dimensions);
  const rows = page.names.map((_, row) => ({
    row,
    ...classified(rowOf(page.features, page.dimensions, row), classes),
  }));
  const sections = classes.map(({ name }) => {
    const own = rows.filter((found) => found.name === name).sort((a, b) => b.margin! - a.margin!);
    const title = document.createElement("h3");
    title.textContent = `${name}: ${own.length}`;
    const grid = document.createElement("div");
    grid.className = "grid";
    grid.append(...own.slice(0, shownNearest).map(({ row, margin }) => tile(page, row, margin!.toFixed(3))));
    const section = document.createElement("section");
    section.append(title, grid);
    return section;
  });
  element("classes").replaceChildren(...sections);
  element("forget").hidden = page.named.size === 0;
  say(page.named.size === 0 ? "No picture is named." : `${page.named.size} named, ${page.names.length} sorted.`);
  if (page.dropped) showDropped(page, page.dropped);
  showFolder(page);
}

open().catch((cause: unknown) => say(`The page could not start: ${cause instanceof Error ? cause.message : cause}`));
