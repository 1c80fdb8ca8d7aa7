// Through time by hand, by keys, or by itself.
import { useEffect, useState } from "preact/hooks";

interface TimeSliderProps {
  steps: readonly number[];
  at: number;
  /** Undefined: the last one, and what comes after it. */
  onMove: (place: number | undefined) => void;
}

const playMs = 120;

export function TimeSlider({ steps, at, onMove }: TimeSliderProps) {
  const [isPlaying, setPlaying] = useState(false);
  useEffect(() => {
    if (!isPlaying) return;
    const timer = setTimeout(() => {
      if (at + 1 >= steps.length) {
        setPlaying(false);
        onMove(undefined);
      } else onMove(at + 1);
    }, playMs);
    return () => clearTimeout(timer);
  }, [isPlaying, at, steps.length]);
  const play = () => {
    if (!isPlaying && at + 1 >= steps.length) onMove(0);
    setPlaying(!isPlaying);
  };
  return (
    <div class="time">
      <button type="button" onClick={play} disabled={steps.length < 2}>
        {isPlaying ? "Stop" : "Play"}
      </button>
      <input
        type="range"
        min="0"
        max={steps.length - 1}
        value={at}
        aria-label="Time"
        aria-valuetext={`step ${steps[at]}`}
        onInput={(event) => {
          const place = Number(event.currentTarget.value);
          onMove(place === steps.length - 1 ? undefined : place);
        }}
      />
      <output>step {steps[at]}</output>
    </div>
  );
}
