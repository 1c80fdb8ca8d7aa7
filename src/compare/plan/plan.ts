// A comparison as typed data: which pictures, which methods, how long, measured how.
import { createHash } from "node:crypto";
import { z } from "zod";
import { didYouMean, displayName, SelfsightError } from "../../errors.ts";
import { type MethodName, methods } from "../../methods/index.ts";
import { type PublishedTableId, publishedTables } from "../../report/index.ts";
import { neededFor, type PartialSettings, resolveSettings, type Settings, settingsHash } from "../../train/index.ts";

const count = z.number().int().positive();
const methodNames = Object.keys(methods) as [MethodName];

const budgetSchema = z
  .union([
    /** Images that each cell sees, as many steps as make them: equal for all, whatever else the machine does. */
    z.strictObject({ images: count }),
    /** Training time of each cell; resolved to a number of steps by the pace, and kept. */
    z.strictObject({ minutes: z.number().positive() }),
    z.strictObject({ epochs: count }),
    z.strictObject({ steps: count }),
  ])
  .meta({ needed: "one of images, minutes, epochs and steps with a number above 0, such as {images: 200000}," });
export type Budget = z.output<typeof budgetSchema>;

const evaluationsSchema = z.strictObject({
  knn: z.strictObject({ k: count.optional(), temperature: z.number().positive().optional() }).optional(),
  linear: z.strictObject({ epochs: count.optional() }).optional(),
  "few-shot": z.strictObject({ labels: count.optional(), draws: count.optional() }).optional(),
});
export type Evaluations = z.output<typeof evaluationsSchema>;
export type Protocol = keyof Evaluations;
export const protocols = Object.keys(evaluationsSchema.shape) as Protocol[];

const settingsSchema = z.record(z.string(), z.unknown());

const rowSchema = z.strictObject({
  method: z.enum(methodNames),
  /** What the table calls it. Default: the method's title. */
  label: z.string().min(1).max(80).optional(),
  /** Over those of the plan's base. */
  settings: settingsSchema.default({}),
  /** In place of the plan's. */
  budget: budgetSchema.optional(),
  /** The row of the published tables to stand beside it. Default: the method. */
  published: z.string().optional(),
});

const planSchema = z.strictObject({
  title: z.string().min(1),
  description: z.string().default(""),
  /** What all cells together take, in words. */
  cost: z.string().default(""),
  /** A folder or a known name; of several the first that is on this machine. */
  data: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .meta({ needed: "a folder or a known name, or a list of them," }),
  /** Settings of all rows. */
  base: settingsSchema.default({}),
  rows: z.array(rowSchema).min(1),
  seeds: z
    .array(z.number().int().nonnegative().max(4294967295))
    .min(1)
    .refine((seeds) => new Set(seeds).size === seeds.length, "each seed once")
    .default([0]),
  budget: budgetSchema,
  evaluations: evaluationsSchema.default({ knn: {} }),
  /** Tables of published figures to print below. */
  published: z.array(z.enum(Object.keys(publishedTables) as [PublishedTableId])).default([]),
});

type Parsed = z.output<typeof planSchema>;
export type Plan = Omit<Parsed, "base" | "rows"> & { base: PartialSettings; rows: PlanRow[] };
export type PlanRow = Omit<Parsed["rows"][number], "settings"> & { settings: PartialSettings };

/** A plan as it is written: what has a default may be left out. */
export type PlanInput = Omit<z.input<typeof planSchema>, "base" | "rows"> & {
  base?: PartialSettings;
  rows: readonly (Omit<z.input<typeof rowSchema>, "settings"> & { settings?: PartialSettings })[];
};

/**
 * Checks a plan and the settings of each of its rows before anything runs.
 *
 * @throws SelfsightError "configuration", naming each wrong key, what is allowed and the nearest known one.
 */
export function parsePlan(value: unknown, name: string): Plan {
  const parsed = planSchema.safeParse(value);
  if (!parsed.success) throw planRefusal(parsed.error, value, name);
  const plan = parsed.data as Plan;
  refuseTwins(plan, name);
  refuseUnpublished(plan, name);
  for (const row of plan.rows) checkRow(plan, row, name);
  return plan;
}

export const labelOf = ({ label, method }: PlanRow): string => label ?? methods[method].title;

/** A row's name in the file system: `Only invariance` as `only-invariance`. */
export const slugOf = (row: PlanRow): string => {
  const slug = labelOf(row)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return slug || row.method;
};

function refuseTwins(plan: Plan, name: string): void {
  const slugs = plan.rows.map(slugOf);
  const twin = slugs.findIndex((slug, place) => slugs.indexOf(slug) !== place);
  if (twin < 0) return;
  throw refusal(
    name,
    `rows.${twin} is called ${displayName(labelOf(plan.rows[twin]!))} as another row is`,
    "rows need different names",
    "give it a label of its own",
  );
}

/** A row that asks for a figure which none of the plan's tables has would stand without it, unseen. */
function refuseUnpublished({ rows, published }: Plan, name: string): void {
  const ids = published.flatMap((table) => publishedTables[table].rows.map(({ id }) => id));
  const place = rows.findIndex((row) => row.published !== undefined && !ids.includes(row.published));
  if (place < 0) return;
  const wanted = rows[place]!.published!;
  throw refusal(
    name,
    `rows.${place}.published ${displayName(wanted)}`,
    `a row of the plan's published tables is needed (${published.join(", ") || "it names none"})`,
    `leave it out or correct it${didYouMean(wanted, ids)}`,
  );
}

/** The settings must hold with any budget; that of time is not known as steps yet. */
function checkRow(plan: Plan, row: PlanRow, name: string): void {
  try {
    rowSettings(plan, row, { seed: plan.seeds[0]!, steps: 1 });
  } catch (cause) {
    if (!(cause instanceof SelfsightError)) throw cause;
    throw new SelfsightError(
      "configuration",
      `plan ${displayName(name)}: row ${displayName(labelOf(row))}: ${cause.message}`,
      { cause },
    );
  }
}

/** Settings that every cell starts from: one process at a time trains, and a kill should cost a minute. */
const cellSettings: PartialSettings = { knnEveryEpochs: 0, checkpointEveryMinutes: 1, keepCheckpoints: 1 };

/** The settings of a cell: the method's own < ours for cells < the plan's base < the row's < seed and length. */
export function rowSettings(
  plan: Pick<Plan, "base">,
  { method, settings }: Pick<PlanRow, "method" | "settings">,
  { seed, ...length }: { seed: number; steps?: number; epochs?: number },
): Settings {
  const span = length.epochs === undefined ? { steps: length.steps ?? null } : { epochs: length.epochs, steps: null };
  return resolveSettings(cellSettings, plan.base, { method }, settings, { seed, ...span });
}

/** What a row's time budget is kept under: settings without seed and length. */
export const budgetKey = (plan: Plan, row: PlanRow, data: string, minutes: number): string => {
  const settings = rowSettings(plan, row, { seed: 0, steps: 1 });
  return createHash("sha256")
    .update(JSON.stringify([settingsHash(settings), data, minutes]))
    .digest("hex")
    .slice(0, 8);
};

function planRefusal(error: z.ZodError, given: unknown, name: string): SelfsightError {
  const lines = error.issues.map((issue) => {
    const path = issue.path.map(String).join(".");
    if (issue.code !== "unrecognized_keys")
      return `${path || "the plan"}: ${neededFor(issue, planSchema)}${methodGuess(issue, given)}`;
    const shown = issue.keys.map((key) => `${displayName(key)}${didYouMean(key, knownKeys(issue.path))}`);
    return `${path ? `${path}: ` : ""}no such key: ${shown.join(", ")}`;
  });
  return new SelfsightError("configuration", `plan ${displayName(name)}: ${lines.join("; ")}`);
}

/** The keys that may stand at a place of a plan. */
function knownKeys([first, second]: readonly PropertyKey[]): string[] {
  if (first === undefined) return Object.keys(planSchema.shape);
  if (first === "rows") return Object.keys(rowSchema.shape);
  const protocol = Object.hasOwn(evaluationsSchema.shape, second ?? "") ? (second as Protocol) : undefined;
  return protocol ? Object.keys(evaluationsSchema.shape[protocol].unwrap().shape) : [...protocols];
}

/** The nearest method to the one that was written. */
function methodGuess({ path }: z.core.$ZodIssue, given: unknown): string {
  if (path.at(-1) !== "method") return "";
  const written = path.reduce<unknown>((tree, key) => (tree as Record<PropertyKey, unknown>)?.[key], given);
  return didYouMean(String(written), methodNames);
}

const refusal = (name: string, given: string, needed: string, advice: string) =>
  new SelfsightError("configuration", `plan ${displayName(name)}: ${given}; ${needed}; ${advice}`);
