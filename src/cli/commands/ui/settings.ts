// A form's fields out of the schema that checks a run's settings: one source for flags, forms and refusals.
import { methods } from "../../../methods/index.ts";
import { settingsJsonSchema, settingsOf } from "../../../train/index.ts";
import { refuseUnknown } from "../settings/run.ts";

/** Of a method: its settings with default, range and meaning, the JSON schema of them all, and which other methods there are. */
export function settingsForForm(method: string) {
  refuseUnknown(method);
  return {
    method,
    methods: Object.entries(methods).map(([name, { title }]) => ({ name, title })),
    settings: settingsOf(method),
    schema: settingsJsonSchema(method),
  };
}
