// The studio as a process that answers lines of JSON: a page's server starts it, and nothing that goes wrong in it touches that server.
import type { Readable, Writable } from "node:stream";
import type { Dataset } from "../../data/index.ts";
import { SelfsightError } from "../../errors.ts";
import { fitted } from "../../train/index.ts";
import { viewPresets } from "./presets.ts";
import { openStudio, type Studio, studioRequestSchema } from "./studio.ts";

/** Characters of a line. */
const mostCharacters = 65_536;
/** Requests that wait; of a page that asks faster than views are made, only the last ones are worth an answer. */
const mostWaiting = 8;

export interface Lines {
  input: Readable;
  output: Writable;
}

/**
 * Answers requests, a line each, until the input ends. The first line says whether it is ready, what pictures there are, and the presets
 * for views of this size. One request is answered at a time; where more than eight wait, the oldest are told that they were passed by.
 */
export async function serveStudio(open: () => Promise<Dataset>, size: number | undefined, lines: Lines): Promise<void> {
  const say = (value: unknown) => void lines.output.write(`${JSON.stringify(value)}\n`);
  let studio: Studio;
  try {
    const dataset = await open();
    studio = openStudio(dataset);
    const side = size ?? usualSize(dataset);
    say({ ready: true, images: dataset.length, name: dataset.name, size: side, presets: viewPresets(side) });
  } catch (error) {
    say({ ready: false, error: sentenceOf(error) });
    throw error;
  }
  await answerAll(studio, lines.input, say);
}

const usualSize = (dataset: Dataset): number => (dataset.kind === "array" ? Math.max(8, dataset.height) : 96);

async function answerAll(studio: Studio, input: Readable, say: (value: unknown) => void): Promise<void> {
  const waiting: string[] = [];
  let last = Promise.resolve();
  const work = async () => {
    for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) say(await answerTo(studio, line));
  };
  for await (const line of linesOf(input)) {
    waiting.push(line);
    if (waiting.length > mostWaiting) say(refusal(waiting.shift()!, "studio: newer requests came before its turn"));
    last = last.then(work);
  }
  await last;
}

/** Lines that are not empty. Errors: configuration, for one that is longer than any request. */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of input.setEncoding("utf8") as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    if ([...lines, rest].some(({ length }) => length > mostCharacters)) throw tooLong;
    yield* lines.filter((line) => line.trim() !== "");
  }
  if (rest.trim() !== "") yield rest;
}

const tooLong = new SelfsightError(
  "configuration",
  `studio: a line of more than ${mostCharacters} characters; requests are shorter; ask for less`,
);

async function answerTo(studio: Studio, line: string): Promise<unknown> {
  try {
    return await studio.answer(fitted(studioRequestSchema, JSON.parse(line)));
  } catch (error) {
    return refusal(line, sentenceOf(error));
  }
}

const refusal = (line: string, error: string) => ({ id: idOf(line), ok: false, error });

function idOf(line: string): unknown {
  try {
    return (JSON.parse(line) as { id?: unknown } | null)?.id ?? null;
  } catch {
    return null;
  }
}

const sentenceOf = (error: unknown): string => {
  if (error instanceof SyntaxError) return "studio: the line is no JSON; a request in one line is needed";
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof SelfsightError ? message : `studio: ${message}`;
};
