// What is answered. Every request has passed the guard before; ids and numbers alone come in, paths never.
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { SelfsightError } from "../../errors.ts";
import type { Acts } from "../acts/acts.ts";
import type { ObservationsAnswer, ServerFacts } from "../answers.ts";
import { detailsOf } from "../folder/details.ts";
import type { FoundRun } from "../folder/find-runs.ts";
import { observationsOf, sheetOf } from "../folder/observations.ts";
import type { Registry } from "../folder/registry.ts";
import type { Feed } from "../live/feed.ts";
import type { PageFile } from "./page-files.ts";

type Bindings = { Bindings: HttpBindings };

export interface Parts {
  runs: Registry;
  feed: Feed;
  acts: Acts;
  files: ReadonlyMap<string, PageFile>;
  version: string;
}

/** Every route; a method that a route does not know gets 405. */
export function routes(parts: Parts): Hono<Bindings> {
  const app = new Hono<Bindings>();
  addPage(app, parts);
  addRuns(app, parts);
  addActs(app, parts);
  app.notFound((context) => context.json({ error: "nothing is here" }, 404));
  app.onError(answerTo);
  return app;
}

function answerTo(error: unknown, context: Context): Response {
  if (error instanceof SelfsightError) return context.json({ error: error.message, kind: error.kind }, 400);
  if (error instanceof SyntaxError) return context.json({ error: "act: what was sent is no JSON" }, 400);
  return context.json({ error: `a fault of Selfsight: ${error instanceof Error ? error.message : error}` }, 500);
}

/** A way that GET alone is answered on. */
function get(app: Hono<Bindings>, path: string, handle: (context: Context<Bindings>) => Promise<Response> | Response) {
  app.get(path, handle);
  app.all(path, (context) => context.json({ error: "GET is answered here" }, 405, { allow: "GET, HEAD" }));
}

function post(app: Hono<Bindings>, path: string, handle: (context: Context<Bindings>) => Promise<Response>) {
  app.post(path, handle);
  app.all(path, (context) => context.json({ error: "POST is answered here" }, 405, { allow: "POST" }));
}

function addPage(app: Hono<Bindings>, { files }: Parts): void {
  for (const [name, { type, bytes }] of files)
    get(app, name === "index.html" ? "/" : `/${name}`, () => {
      return new Response(new Uint8Array(bytes), { headers: { "content-type": type } });
    });
}

function addRuns(app: Hono<Bindings>, { runs, feed, version, acts }: Parts): void {
  get(app, "/api/server", (context) =>
    context.json({ version, root: runs.root, canAct: acts.canAct } satisfies ServerFacts),
  );
  get(app, "/api/runs", async (context) => context.json(await runs.list()));
  get(app, "/api/live", async (context) => heard(context, await feed.listenToRuns(context.env.outgoing)));
  const ofRun = (path: string, handle: (run: FoundRun, context: Context<Bindings>) => Promise<Response> | Response) =>
    get(app, `/api/run/:id/${path}`.replace(/\/$/, ""), async (context) => {
      const run = await runs.find(context.req.param("id") ?? "");
      return run ? handle(run, context) : context.json({ error: "no such run; it may have been moved" }, 404);
    });
  ofRun("", async (run, context) => context.json(detailsOf(run, await runs.log(run))));
  ofRun("series", async (run, context) => {
    const log = await runs.log(run);
    return context.json({ place: log.place, ...log.series.binned() });
  });
  ofRun("live", async (run, context) => {
    const place = context.req.header("last-event-id") ?? context.req.query("place");
    return heard(context, await feed.listenToRun(run, place, context.env.outgoing));
  });
  ofRun("observations", (run, context) => context.json(observed(run, Number(context.req.query("after") ?? -1))));
  for (const name of ["sample", "views"] as const)
    ofRun(`${name}.webp`, (run, context) => {
      const sheet = sheetOf(run.folder, name);
      if (!sheet) return context.json({ error: "no pictures yet" }, 404);
      return new Response(new Uint8Array(sheet), { headers: { "content-type": "image/webp" } });
    });
}

/** What was observed after a step, and which observations there are: some go while a run is watched. */
function observed({ folder }: FoundRun, after: number): ObservationsAnswer {
  const { steps, map, ...others } = observationsOf(folder);
  return {
    ...others,
    kept: { steps: steps.map(({ step }) => step), map: map.map(({ step }) => step) },
    steps: steps.filter(({ step }) => step > after),
    map: map.filter(({ step }) => step > after),
  };
}

/** The listener has its answer already, or there are too many of them. */
const heard = (context: Context, isTaken: boolean): Response =>
  isTaken ? RESPONSE_ALREADY_SENT : context.json({ error: "too many listen; close some pages" }, 503);

function addActs(app: Hono<Bindings>, { runs, acts }: Parts): void {
  get(app, "/api/settings/:method", async (context) => context.json(await acts.settings(context.req.param("method")!)));
  post(app, "/api/start", async (context) => context.json(await acts.start(await context.req.json())));
  post(app, "/api/studio", async (context) => context.json(await acts.draw(await context.req.json())));
  for (const act of ["steer", "resume", "fork"] as const)
    post(app, `/api/run/:id/${act}`, async (context) => {
      const run = await runs.find(context.req.param("id") ?? "");
      if (!run) return context.json({ error: "no such run; it may have been moved" }, 404);
      return context.json(await acts[act](run, await context.req.json()));
    });
}
