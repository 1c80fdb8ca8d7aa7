// A form's fields out of the schema that checks a run's settings: one source for flags, forms and refusals.
import { z } from "zod";
import { didYouMean, displayName, SelfsightError } from "../../../errors.ts";
import { type MethodName, methods } from "../../../methods/index.ts";
import { settingsOf, settingsSchema } from "../../../train/index.ts";

/** Of a method: its settings with default, range and meaning, the JSON schema of them all, and which other methods there are. */
export function settingsForForm(method: string) {
  refuseUnknown(method);
  return {
    method,
    methods: Object.entries(methods).map(([name, { title }]) => ({ name, title })),
    settings: settingsOf(method),
    schema: z.toJSONSchema(settingsSchema(method), { io: "input", unrepresentable: "any" }),
  };
}

function refuseUnknown(method: string): asserts method is MethodName {
  if (Object.hasOwn(methods, method)) return;
  const names = Object.keys(methods);
  throw new SelfsightError(
    "configuration",
    `settings: ${displayName(method)}; one of ${names.join(", ")} is needed; check the name.${didYouMean(method, names)}`,
  );
}
