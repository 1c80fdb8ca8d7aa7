// One small picture out of a sheet of many.

export interface Sheet {
  address: string;
  tile: number;
  columns: number;
  /** Of all tiles: how many rows the sheet has. */
  count: number;
}

interface TileProps {
  sheet: Sheet;
  place: number;
  label: string;
  side?: number;
  note?: string;
  isMarked?: boolean;
  onClick?: () => void;
}

/** A tile of the sheet, enlarged where it is small. */
export function Tile({ sheet, place, label, side = 56, note, isMarked = false, onClick }: TileProps) {
  const { address, tile, columns, count } = sheet;
  const scale = side / tile;
  const style = {
    width: `${side}px`,
    height: `${side}px`,
    backgroundImage: `url("${address}")`,
    backgroundPosition: `-${(place % columns) * side}px -${Math.floor(place / columns) * side}px`,
    backgroundSize: `${columns * tile * scale}px ${Math.ceil(count / columns) * tile * scale}px`,
    boxSizing: "content-box" as const,
    backgroundOrigin: "content-box",
    backgroundClip: "content-box",
    imageRendering: (scale > 1.4 ? "pixelated" : "auto") as "pixelated" | "auto",
  };
  const words = `${label}${note ? `, ${note}` : ""}`;
  const name = `tile${isMarked ? " marked" : ""}`;
  return onClick ? (
    <button type="button" class={`bare ${name}`} style={style} title={words} aria-label={words} onClick={onClick} />
  ) : (
    <span class={name} style={style} role="img" title={words} aria-label={words} />
  );
}
