// The light of a run: is it well?
import type { Light, LoggedEvent } from "../answers.ts";

const fatal = ["collapse", "not finite"];

/** From the last alarm, and the last step in which the collapse watch looked. */
export function lightOf(alarm: LoggedEvent | undefined, look: LoggedEvent | undefined): Light {
  const kind = alarm && kindOf(alarm);
  if (kind === undefined)
    return look ? { colour: "well", reason: "no alarm stands" } : { colour: "dark", reason: "not looked at" };
  if (!fatal.includes(kind)) return { colour: "watch", reason: `${kind} at step ${alarm!.step}` };
  if (look && look.step > alarm!.step && isSpread(look))
    return { colour: "watch", reason: `${kind} at step ${alarm!.step}, spread again since` };
  return { colour: "fallen", reason: `${kind} at step ${alarm!.step}` };
}

/** What an alarm is of; undefined: the warning is none. Logs from before alarms had a kind say collapse in words. */
export function kindOf({ alarm, message }: LoggedEvent): string | undefined {
  const kind = (alarm as { kind?: unknown } | undefined)?.kind;
  if (typeof kind === "string") return kind.slice(0, 40);
  return /^step \d+: (embeddings|features) /.test(String(message)) ? "collapse" : undefined;
}

/** Above all bounds of the collapse watch: a method may stand below some of them, but then nothing says that it rose again. */
const isSpread = ({ featureStd, effectiveRank, recognition }: LoggedEvent): boolean =>
  Number(featureStd) > 0.05 && Number(effectiveRank) >= 8 && Number(recognition ?? 1) > 0.6;
