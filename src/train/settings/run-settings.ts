// What a program may write down for a run, so that the compiler refuses what the run would.
import type { z } from "zod";
import type { Method, MethodName, methods } from "../../methods/index.ts";
import type { PartialTraining } from "./settings.ts";

type Options<Name extends MethodName> = z.input<(typeof methods)[Name]["options"]>;
/** Of a method without settings of its own: none. */
type Own<Name extends MethodName> = string extends keyof Options<Name> ? unknown : Partial<Options<Name>>;

type KeysOf<Union> = Union extends unknown ? (string extends keyof Union ? never : keyof Union) : never;
/** The settings of other methods, which a run by this one has not. */
type Foreign<Name extends MethodName> = {
  [Key in Exclude<KeysOf<Options<MethodName>>, keyof Own<Name>>]?: never;
};

type By<Name extends MethodName> = Own<Name> & Foreign<Name>;
type ByMethod =
  | ({ method?: "barlow-twins" } & By<"barlow-twins">)
  | { [Name in MethodName]: { method: Name } & By<Name> }[MethodName]
  | { method: Method; [option: string]: unknown };

/** A run has one length. */
type Length = { epochs?: number | null; steps?: null } | { steps?: number | null; epochs?: null };

/**
 * The settings of a new run, each left out or given: those of the training, and the method's own. `method` is one of Selfsight's by
 * its name, or a method of one's own (`defineMethod` of selfsight/methods).
 */
export type RunSettings = Omit<PartialTraining, "method" | "epochs" | "steps"> & Length & ByMethod;
