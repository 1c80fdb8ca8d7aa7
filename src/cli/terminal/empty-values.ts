import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { SelfsightError } from "../../errors.ts";

/** Refuses a command line with an empty value: most often an unset shell variable, as in `--out=$OUT`. Errors: configuration. */
export function refuseEmptyValues(command: CommandUnknownOpts): void {
  const options = command.options.filter((option) => command.getOptionValue(option.attributeName()) === "");
  const places = command.registeredArguments.filter((_, i) => command.args[i] === "").map((place) => place.name());
  const empty = [...options.map(({ long, short }) => long ?? short ?? ""), ...places];
  if (empty.length === 0) return;
  throw new SelfsightError(
    "configuration",
    `${command.name()}: ${empty.join(" and ")} ${empty.length > 1 ? "are" : "is"} empty; a value is needed; check the shell variable that should hold it`,
  );
}
