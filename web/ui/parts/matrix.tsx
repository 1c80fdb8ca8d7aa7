// B bins of features. The cross-correlation matrix as a picture, a cell a pixel.
import { useEffect, useRef } from "preact/hooks";
import type { ObservedStep } from "../../../src/serve/answers.ts";
import { bytesFrom } from "./numbers.ts";

type Colour = readonly [number, number, number];
/** ColorBrewer's RdBu, safe for the colour-blind: blue at -1, white at 0, red at 1. */
const [negative, zero, positive]: [Colour, Colour, Colour] = [
  [33, 102, 172],
  [247, 247, 247],
  [178, 24, 43],
];

/** The colour of a correlation. */
export function correlationColour(value: number): Colour {
  const strength = Math.min(1, Math.abs(value));
  const end = value < 0 ? negative : positive;
  return zero.map((from, i) => Math.round(from + strength * (end[i]! - from))) as unknown as Colour;
}

/** Correlations [B, B]: off the diagonal the root mean square of two bins' features, on it the mean of a feature with itself. */
export function correlationsOf({ matrix, diagonal }: ObservedStep): { side: number; values: Float32Array } {
  const [cells, own] = [bytesFrom(matrix), bytesFrom(diagonal)];
  const side = Math.floor(Math.sqrt(cells.length));
  const values = Float32Array.from({ length: side * side }, (_, i) => (cells[i]! / 255) ** 2);
  for (let bin = 0; bin < Math.min(side, own.length); bin++) values[bin * side + bin] = own[bin]! / 127.5 - 1;
  return { side, values };
}

/** The matrix of one observation. */
export function Matrix({ observed, label }: { observed: ObservedStep; label: string }) {
  const place = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const { side, values } = correlationsOf(observed);
    const canvas = place.current!;
    const pen = canvas.getContext("2d");
    if (!pen || side === 0) return;
    canvas.width = side;
    canvas.height = side;
    const picture = pen.createImageData(side, side);
    for (let cell = 0; cell < side * side; cell++)
      picture.data.set([...correlationColour(values[cell]!), 255], 4 * cell);
    pen.putImageData(picture, 0, 0);
  }, [observed]);
  return <canvas ref={place} class="matrix" role="img" aria-label={label} />;
}

/** What the colours are. */
export function MatrixLegend() {
  return (
    <p class="legend" role="img" aria-label="Colours: blue is a correlation of minus 1, white 0, red 1">
      <span>−1</span>
      <span class="scale" />
      <span>+1</span>
    </p>
  );
}
