// What the page may do to runs: each act is a command that a person could type, or a request that the training process answers in its log.
import { join } from "node:path";
import { z } from "zod";
import { displayName, SelfsightError } from "../../errors.ts";
import { type FoundRun, idOf } from "../folder/find-runs.ts";
import { isOwn } from "../folder/rights.ts";
import { startRun } from "./commands.ts";
import { type Studio, studioWorker } from "./studio.ts";

export interface Acts {
  /** Whether any act is allowed. */
  readonly canAct: boolean;
  /** The settings of a method for a form, out of the schema that the command line checks by. */
  settings(method: string): Promise<unknown>;
  start(given: unknown): Promise<Started>;
  resume(run: FoundRun, given: unknown): Promise<Started>;
  fork(run: FoundRun, given: unknown): Promise<Started>;
  steer(run: FoundRun, given: unknown): Promise<{ request: string }>;
  /** Views of pictures by a recipe. */
  draw(given: unknown): Promise<unknown>;
  close(): void;
}

export interface Started {
  /** Of the run that trains now. */
  id: string;
}

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, "letters, digits, points and dashes are needed, such as barlow-2");
const settings = z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9.*]{0,99}$/), z.json()).default({});
const startSchema = z.strictObject({
  data: z.string().min(1).max(4096),
  method: z.string().regex(/^[a-z0-9-]{1,40}$/),
  name,
  settings,
});
const resumeSchema = z.strictObject({ epochs: z.number().int().positive().nullish() });
const forkSchema = z.strictObject({ name, settings, at: z.number().int().nonnegative().nullable() });
/** What the layers above know and this one does not import: it runs without libtorch. */
export interface Training {
  /** The JSON schema of a method's settings with their defaults. Errors: configuration, for an unknown method. */
  settings(method: string): Promise<unknown>;
  /** Asks something of the process that trains in a folder; the answer is an `act` event with the id that is returned. */
  ask(folder: string, wish: Readonly<Record<string, unknown>>): Promise<string>;
}

/** Acts by commands of this package, on runs below `root`. */
export function commandActs(root: string, training: Training, isAllowed: boolean): Acts {
  let studio: Studio | undefined;
  const begun = async (folder: string, words: string[]): Promise<Started> => {
    await startRun(folder, words);
    return { id: idOf(root, folder) };
  };
  const allowed = () => {
    if (!isAllowed)
      throw new SelfsightError("unsafe", "ui: this page only looks; start it without --read-only to steer");
  };
  return {
    canAct: isAllowed,
    settings: async (method) => training.settings(method),
    async start(given) {
      allowed();
      const { data, method, name: own, settings: set } = fitted(startSchema, given);
      const folder = join(root, own);
      return begun(folder, ["--method", method, "--out", folder, ...assignments(set), "--", data]);
    },
    async resume(run, given) {
      allowed();
      refuseForeign(run);
      const { epochs } = fitted(resumeSchema, given);
      return begun(run.folder, ["--resume", run.folder, ...(epochs ? ["--epochs", String(epochs)] : [])]);
    },
    async fork(run, given) {
      allowed();
      const { name: own, settings: set, at } = fitted(forkSchema, given);
      const folder = join(root, own);
      const source = `${run.folder}@${at ?? "newest"}`;
      return begun(folder, ["--from", source, "--out", folder, ...assignments(set)]);
    },
    async steer(run, given) {
      allowed();
      refuseForeign(run);
      const wish = fitted(z.record(z.string(), z.json()), given);
      return { request: await training.ask(run.folder, { ...wish, via: "page" }) };
    },
    async draw(given) {
      studio ??= studioWorker();
      return studio.draw(given);
    },
    close: () => studio?.close(),
  };
}

/** A run that another user owns is looked at only. */
function refuseForeign({ folder, name: own }: FoundRun): void {
  if (isOwn(folder)) return;
  throw new SelfsightError("unsafe", `steer: ${displayName(own)} belongs to another user; its owner can steer it`);
}

function fitted<Schema extends z.ZodType>(schema: Schema, given: unknown): z.output<Schema> {
  const { data, error } = schema.safeParse(given);
  if (error) {
    const [issue] = error.issues;
    throw new SelfsightError("configuration", `act: ${issue!.path.join(".") || "what was sent"}: ${issue!.message}`);
  }
  return data as z.output<Schema>;
}

/** As `--set` takes them: values as JSON. */
const assignments = (set: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(set).map(([key, value]) => `--set=${key}=${JSON.stringify(value)}`);
