// Bars beside one another: histograms, spectra, shares.
import { shown } from "./numbers.ts";

interface Row {
  label: string;
  values: readonly (number | null)[];
}

interface BarsProps {
  title: string;
  rows: readonly Row[];
  /** What the left and the right end of the axis are. */
  ends: readonly [string, string];
  note: string;
  isLog?: boolean;
}

/** One row of bars over another, each as shares of its own greatest. */
export function Bars({ title, rows, ends, note, isLog = false }: BarsProps) {
  return (
    <figure>
      <h3>{title}</h3>
      {rows.map((row, i) => (
        <BarRow key={row.label} row={row} place={i} isLog={isLog} />
      ))}
      <p class="ends">
        <span>{ends[0]}</span>
        <span>{ends[1]}</span>
      </p>
      <figcaption>{note}</figcaption>
    </figure>
  );
}

const [width, height] = [400, 70];

function BarRow({ row: { label, values }, place, isLog }: { row: Row; place: number; isLog: boolean }) {
  const sizes = heightsOf(values, isLog);
  const each = width / Math.max(1, sizes.length);
  return (
    <div>
      <p class="row-name">{label}</p>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        class="bars"
        role="img"
        aria-label={`${label}: ${values.length} values, greatest ${shown(Math.max(...values.map((value) => value ?? 0)))}`}
      >
        {sizes.map((size, i) => (
          <rect
            key={i}
            x={i * each}
            y={height * (1 - size)}
            width={Math.max(0.5, each - 1)}
            height={height * size}
            class={`fill-${place}`}
          />
        ))}
        <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} class="rule" />
      </svg>
    </div>
  );
}

/** Decades below the greatest that a logarithmic axis shows. */
const decades = 5;

/** Heights in [0, 1]. */
function heightsOf(values: readonly (number | null)[], isLog: boolean): number[] {
  const top = Math.max(1e-12, ...values.map((value) => value ?? 0));
  const share = (value: number) => Math.max(0, value) / top;
  const onLog = (value: number) => Math.max(0, 1 + Math.log10(Math.max(1e-12, share(value))) / decades);
  return values.map((value) => (isLog ? onLog(value ?? 0) : share(value ?? 0)));
}
