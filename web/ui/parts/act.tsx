// A button that asks for something, and says what came of it.
import { useState } from "preact/hooks";

interface ActProps {
  name: string;
  /** Resolves to what is said afterwards; what it throws is said as a problem. */
  run: () => Promise<string>;
  isMain?: boolean;
  isRisky?: boolean;
  isOff?: boolean;
  busy?: string;
}

export function Act({ name, run, isMain = false, isRisky = false, isOff = false, busy = "asking …" }: ActProps) {
  const [said, setSaid] = useState<{ text: string; isProblem: boolean } | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const ask = async () => {
    setBusy(true);
    setSaid({ text: busy, isProblem: false });
    try {
      setSaid({ text: await run(), isProblem: false });
    } catch (error) {
      setSaid({ text: (error as Error).message, isProblem: true });
    }
    setBusy(false);
  };
  return (
    <div class="row">
      <button type="button" class={isMain ? "main" : isRisky ? "risky" : ""} disabled={isBusy || isOff} onClick={ask}>
        {name}
      </button>
      <span role={said?.isProblem ? "alert" : "status"} class={said?.isProblem ? "problem" : "soft"} hidden={!said}>
        {said?.text}
      </span>
    </div>
  );
}
