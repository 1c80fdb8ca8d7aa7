// The map of pictures: points that keep their places from epoch to epoch, under a pointer, a lasso and keys.
import { useEffect, useRef, useState } from "preact/hooks";
import { type PointDrawing, pointDrawing } from "./draw.ts";
import { nearestPlace, placesWithin, type View, viewOfAll } from "./places.ts";

interface MapProps {
  /** Places [N, 2] of every map, in time; `at` is shown. */
  places: readonly Float32Array[];
  at: number;
  classes: Uint8Array;
  chosen: readonly number[];
  onChoose: (pictures: readonly number[]) => void;
  /** What is shown of a picture under the pointer. */
  hover: (picture: number) => preact.ComponentChildren;
}

type Point = readonly [number, number];
/** On their way from one map to the next. */
const moveMs = 350;
const reachPixels = 14;

export function PictureMap({ places, at, classes, chosen, onChoose, hover }: MapProps) {
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const pen = useRef<HTMLCanvasElement>(null);
  const drawing = useRef<PointDrawing | undefined>(undefined);
  const view = useRef<View>({ x: 0, y: 0, zoom: 1 });
  const shownAt = useRef(at);
  const [isLasso, setLasso] = useState(false);
  const [under, setUnder] = useState<{ picture: number; x: number; y: number } | undefined>(undefined);
  const [hasDrawing, setHasDrawing] = useState(true);
  const now = places[at]!;

  const draw = (way = 1) =>
    drawing.current?.draw(view.current, way, matchMedia("(prefers-color-scheme: dark)").matches);
  const fitToPlace = () => {
    if (!place.current) return; // the page has gone on
    const { clientWidth, clientHeight } = place.current;
    for (const { current } of [canvas, pen]) {
      current!.width = clientWidth * devicePixelRatio;
      current!.height = clientHeight * devicePixelRatio;
    }
  };

  useEffect(() => {
    fitToPlace();
    drawing.current = pointDrawing(canvas.current!);
    setHasDrawing(drawing.current !== undefined);
    view.current = viewOfAll(places, place.current!.clientWidth, place.current!.clientHeight);
    const resized = new ResizeObserver(() => {
      fitToPlace();
      draw();
    });
    resized.observe(place.current!);
    return () => resized.disconnect();
  }, []);

  useEffect(() => {
    const from = places[shownAt.current]?.length === now.length ? places[shownAt.current]! : now;
    const isChosen = new Uint8Array(now.length / 2);
    for (const picture of chosen) isChosen[picture] = 1;
    drawing.current?.load({ from, to: now, classes, chosen: isChosen });
    const isMoved = shownAt.current !== at && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    shownAt.current = at;
    let frame = 0;
    const began = performance.now();
    const move = () => {
      const way = isMoved ? Math.min(1, (performance.now() - began) / moveMs) : 1;
      draw(way * way * (3 - 2 * way));
      if (way < 1) frame = requestAnimationFrame(move);
    };
    move();
    return () => cancelAnimationFrame(frame);
  }, [at, now, chosen, classes]);

  const planePoint = (event: { offsetX: number; offsetY: number }): Point => {
    const { clientWidth = 0, clientHeight = 0 } = place.current ?? {};
    const { x, y, zoom } = view.current;
    return [x + (event.offsetX - clientWidth / 2) / zoom, y - (event.offsetY - clientHeight / 2) / zoom];
  };
  const zoomBy = (factor: number, [x, y]: Point = [view.current.x, view.current.y]) => {
    const before = view.current;
    view.current = { x: x + (before.x - x) / factor, y: y + (before.y - y) / factor, zoom: before.zoom * factor };
    draw();
  };
  const moveBy = (right: number, up: number) => {
    const { x, y, zoom } = view.current;
    view.current = { x: x + right / zoom, y: y + up / zoom, zoom };
    draw();
  };

  const line = useRef<Point[] | undefined>(undefined);
  const dragged = useRef<{ x: number; y: number; far: number } | undefined>(undefined);
  const press = (event: PointerEvent) => {
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    if (isLasso || event.shiftKey) line.current = [planePoint(event)];
    else dragged.current = { x: event.offsetX, y: event.offsetY, far: 0 };
    setUnder(undefined);
  };
  const moved = (event: PointerEvent) => {
    if (line.current) {
      line.current.push(planePoint(event));
      drawLine(pen.current!, line.current, view.current);
    } else if (dragged.current) {
      const { x, y, far } = dragged.current;
      moveBy(x - event.offsetX, event.offsetY - y);
      dragged.current = {
        x: event.offsetX,
        y: event.offsetY,
        far: far + Math.abs(x - event.offsetX) + Math.abs(y - event.offsetY),
      };
    } else {
      const picture = nearestPlace(now, ...planePoint(event), reachPixels / view.current.zoom);
      setUnder(picture === undefined ? undefined : { picture, x: event.offsetX, y: event.offsetY });
    }
  };
  const release = (event: PointerEvent) => {
    if (line.current) onChoose(placesWithin(now, line.current));
    else if ((dragged.current?.far ?? 9) < 4) {
      const picture = nearestPlace(now, ...planePoint(event), reachPixels / view.current.zoom);
      onChoose(picture === undefined ? [] : [picture]);
    }
    line.current = undefined;
    dragged.current = undefined;
    drawLine(pen.current!, [], view.current);
  };
  const keys: Record<string, () => void> = {
    ArrowLeft: () => moveBy(-40, 0),
    ArrowRight: () => moveBy(40, 0),
    ArrowUp: () => moveBy(0, 40),
    ArrowDown: () => moveBy(0, -40),
    "+": () => zoomBy(1.3),
    "-": () => zoomBy(1 / 1.3),
    Escape: () => onChoose([]),
  };
  return (
    <>
      <div class="row">
        <button type="button" aria-pressed={isLasso} onClick={() => setLasso(!isLasso)}>
          {isLasso ? "Lasso: draw around pictures" : "Choose with a lasso"}
        </button>
        <button type="button" onClick={() => zoomBy(1.4)} aria-label="nearer">
          +
        </button>
        <button type="button" onClick={() => zoomBy(1 / 1.4)} aria-label="farther">
          −
        </button>
        <button
          type="button"
          onClick={() => {
            view.current = viewOfAll(places, place.current!.clientWidth, place.current!.clientHeight);
            draw();
          }}
        >
          All
        </button>
        {chosen.length > 0 && (
          <button type="button" onClick={() => onChoose([])}>
            Let the chosen {chosen.length} go
          </button>
        )}
      </div>
      {!hasDrawing && (
        <p class="problem">This browser gives no canvas; the map cannot be drawn. The lists below need none.</p>
      )}
      <div
        ref={place}
        class="map"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is moved and zoomed by keys
        tabIndex={0}
        role="application"
        aria-label={`Map of ${now.length / 2} pictures. Arrows move it, plus and minus zoom; classes can be chosen below.`}
        onKeyDown={(event) => {
          const act = keys[event.key];
          if (!act) return;
          event.preventDefault();
          act();
        }}
        onPointerDown={press}
        onPointerMove={moved}
        onPointerUp={release}
        onPointerLeave={() => setUnder(undefined)}
        onWheel={(event) => {
          event.preventDefault();
          zoomBy(event.deltaY < 0 ? 1.15 : 1 / 1.15, planePoint(event));
        }}
      >
        <canvas ref={canvas} />
        <canvas ref={pen} class="pen" />
        {under && (
          <div class="hover" style={{ left: `${under.x + 14}px`, top: `${under.y + 14}px` }}>
            {hover(under.picture)}
          </div>
        )}
      </div>
    </>
  );
}

function drawLine(canvas: HTMLCanvasElement, line: readonly Point[], { x, y, zoom }: View): void {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const ratio = devicePixelRatio;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = getComputedStyle(canvas).color;
  pen.lineWidth = 2 * ratio;
  pen.beginPath();
  for (const [a, b] of line)
    pen.lineTo(canvas.width / 2 + (a - x) * zoom * ratio, canvas.height / 2 - (b - y) * zoom * ratio);
  pen.stroke();
}
