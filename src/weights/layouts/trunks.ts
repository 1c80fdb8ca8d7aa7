// The trunks in a file: one, or a network and its slow copy (teacher, momentum encoder, target).
import { didYouMean, displayName, SelfsightError } from "../../errors.ts";
import { type Naming, namings } from "./namings.ts";

/** One trunk in a file. */
export interface FoundTrunk {
  /** By which it is asked for: `encoder_k`, `teacher`. */
  name: string;
  /** What stands before its tensors' names: `state_dict.module.encoder_k.`. */
  prefix: string;
  naming: Naming;
}

/** Every trunk among these names. */
export function findTrunks(names: ReadonlyMap<string, unknown>): FoundTrunk[] {
  const found = new Map<string, Naming>();
  for (const name of names.keys())
    for (const naming of namings) {
      const prefix = prefixBefore(name, naming.landmarks[0]);
      if (prefix !== undefined && names.has(prefix + naming.landmarks[1]) && !found.has(prefix))
        found.set(prefix, naming);
    }
  const words = [...found.keys()].map((prefix) => prefix.split(".").slice(0, -1));
  return Array.from(found, ([prefix, naming], i) => ({ name: callName(words[i]!, words), prefix, naming }));
}

function prefixBefore(name: string, landmark: string): string | undefined {
  const prefix = name.slice(0, name.length - landmark.length);
  return name.endsWith(landmark) && (prefix === "" || prefix.endsWith(".")) ? prefix : undefined;
}

/** The words that the others' prefixes do not have; of a single trunk the last one. */
function callName(own: readonly string[], all: readonly (readonly string[])[]): string {
  const isShared = (word: string) => all.every((words) => words.includes(word));
  const special = all.length > 1 ? own.filter((word) => !isShared(word)) : [];
  const telling = special.filter((word) => !wrappers.has(word));
  return [telling, special, own.slice(-1)].find(({ length }) => length > 0)?.join(".") ?? "trunk";
}

/** What programs put around a network says nothing of it. */
const wrappers: ReadonlySet<string> = new Set(["module", "model", "net", "state_dict", "_orig_mod"]);

const isSlow = (name: string): boolean => /momentum|target|teacher|(^|_)ema|(^|_)k(ey)?($|_)|encoder_k/.test(name);

/**
 * The trunk that is asked for by name; without a name the one that is trained, of a student and its teacher the teacher, as DINO's own
 * evaluation does. Errors: checkpoint, where there is none; configuration, where the name fits none or several would do.
 */
export function chosenTrunk(path: string, trunks: readonly FoundTrunk[], take: string | undefined): FoundTrunk {
  const names = trunks.map(({ name }) => displayName(name)).join(", ");
  if (take !== undefined) {
    const found = trunks.find(({ name }) => name === take);
    if (found) return found;
    throw refusal(
      `--take ${displayName(take)}`,
      `${displayName(path)} has ${names}`,
      `check the name.${displayName(
        didYouMean(
          take,
          trunks.map(({ name }) => name),
        ),
      )}`,
    );
  }
  const teacher = trunks.find(({ name }) => name === "teacher" && trunks.some((other) => other.name === "student"));
  const trained = trunks.filter(({ name }) => !isSlow(name));
  const chosen = teacher ?? (trunks.length === 1 ? trunks[0] : trained.length === 1 ? trained[0] : undefined);
  if (chosen) return chosen;
  throw refusal(displayName(path), `it has several trunks: ${names}`, "choose one with --take");
}

const refusal = (given: string, needed: string, advice: string) =>
  new SelfsightError("configuration", `import: ${given}; ${needed}; ${advice}`);
