// What a plan asks to be measured by protocols beyond those of cached features: which protocol, told what, on which pictures.
import { z } from "zod";
import { didYouMean, displayName, SelfsightError } from "../../errors.ts";
import type { Protocol } from "../../work/evaluation/protocol.ts";
import { type ProtocolName, protocols } from "../../work/evaluation/protocols.ts";

/** One column of the table. */
export interface Measurement {
  /** The column's name: the protocol with what it is told, unless `title` says another. */
  key: string;
  protocol: ProtocolName;
  /** Other pictures than those of the plan. */
  data?: string;
  options: Record<string, unknown>;
}

/** As it is written: `"knn"`, or `{finetune: {labels: "1%"}}`. `title` and `data` may stand beside any protocol's options. */
export const measurementSchema = z
  .union([z.string().min(1), z.record(z.string(), z.record(z.string(), z.unknown()))])
  .meta({ needed: "a protocol's name, or one protocol with its options such as {finetune: {labels: 1%}}," });
export type WrittenMeasurement = z.input<typeof measurementSchema>;

/** Of all protocols, beside their own. */
const sharedOptions = {
  limit: z.number().int().min(1).optional(),
  seed: z.number().int().nonnegative().optional(),
  split: z.enum(["train", "test", "val", "all"]).optional(),
};

/** Errors: configuration, naming protocol, option and the nearest known one. */
export function parseMeasurements(written: readonly WrittenMeasurement[], plan: string): Measurement[] {
  const found = written.flatMap((own, place) =>
    typeof own === "string"
      ? [measurementOf(own, {}, { plan, place })]
      : Object.entries(own).map(([name, options]) => measurementOf(name, options, { plan, place })),
  );
  const twin = found.find(({ key }, place) => found.findIndex((other) => other.key === key) !== place);
  if (twin)
    throw refusal(
      plan,
      `protocols: ${displayName(twin.key)} stands there twice`,
      "columns need different names",
      "give one a title",
    );
  return found;
}

interface At {
  plan: string;
  place: number;
}

function measurementOf(name: string, given: Record<string, unknown>, { plan, place }: At): Measurement {
  const names = Object.keys(protocols);
  if (!Object.hasOwn(protocols, name))
    throw refusal(
      plan,
      `protocols.${place}: ${displayName(name)} is no protocol`,
      `${names.join(", ")} are there`,
      `choose one.${didYouMean(name, names)}`,
    );
  const { title, data, ...options } = given;
  const { own } = protocols[name as ProtocolName] as Pick<Protocol<object, never>, "own">;
  const schema = z.strictObject({
    ...own,
    ...sharedOptions,
    title: z.string().min(1).optional(),
    data: z.string().min(1).optional(),
  });
  const parsed = schema.safeParse(given);
  if (!parsed.success) throw badOption(parsed.error, Object.keys(schema.shape), { plan, name });
  return {
    key: typeof title === "string" ? title : keyOf(name, data, options),
    protocol: name as ProtocolName,
    ...(typeof data === "string" && { data }),
    options,
  };
}

/** `finetune labels 1% on places205`. */
const keyOf = (name: string, data: unknown, options: Record<string, unknown>): string => {
  const told = Object.entries(options).map(([key, value]) => (value === true ? ` ${key}` : ` ${key} ${value}`));
  return `${name}${told.join("")}${data === undefined ? "" : ` on ${data}`}`;
};

function badOption(error: z.ZodError, known: readonly string[], { plan, name }: { plan: string; name: string }) {
  const said = error.issues.map((issue) =>
    issue.code === "unrecognized_keys"
      ? `no such option: ${issue.keys.map((key) => `${displayName(key)}${didYouMean(key, known)}`).join(", ")}`
      : `${issue.path.join(".")}: ${issue.message}`,
  );
  return refusal(plan, `protocols: ${name}: ${said.join("; ")}`, `${known.join(", ")} may be told`, "correct it");
}

const refusal = (plan: string, given: string, needed: string, advice: string) =>
  new SelfsightError("configuration", `plan ${displayName(plan)}: ${given}; ${needed}; ${advice}`);
