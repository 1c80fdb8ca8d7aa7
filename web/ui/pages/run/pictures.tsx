// What the network sees, and what it makes of it.
import { useMemo, useState } from "preact/hooks";
import type { DrawnViews, MapLine, Observations, RunDetails, Sample } from "../../../../src/serve/answers.ts";
import { palette } from "../../map/draw.ts";
import { PictureMap } from "../../map/map.tsx";
import { farthest, placesOf } from "../../map/places.ts";
import { percent } from "../../parts/numbers.ts";
import { type Sheet, Tile } from "../../parts/tile.tsx";
import { TimeSlider } from "../../parts/time-slider.tsx";
import { asText, Empty } from "../../parts/words.tsx";
import { sheetAddress } from "../../server/ask.ts";
import type { WatchedRun } from "../../server/run.ts";

export function Pictures({ run, details }: { run: WatchedRun; details: RunDetails }) {
  const observations = run.observations.value;
  if (!observations) return null;
  const { views, sample, map } = observations;
  const hasMap = sample !== null && map.length > 0 && sample.tile > 0 && sample.columns > 0;
  return (
    <>
      {views && views.columns > 0 && <Views id={run.id} views={views} />}
      {hasMap && <Mapped id={run.id} sample={sample} map={map} />}
      {!views && !hasMap && <Empty>No pictures yet: they are written at the first evaluation of this run.</Empty>}
      <LeftOut details={details} />
      <Named observations={observations} />
    </>
  );
}

const Named = ({ observations: { sample } }: { observations: Observations }) =>
  sample?.names ? (
    <p class="soft">The map and the neighbours are of {sample.length} pictures, chosen once by the run’s seed.</p>
  ) : null;

function Views({ id, views: { step, epoch, indices, views, tile, columns } }: { id: string; views: DrawnViews }) {
  const sheet: Sheet = { address: sheetAddress(id, "views", step), tile, columns, count: columns * indices.length };
  return (
    <section>
      <h2>As the network sees them{epoch === null || epoch === undefined ? "" : `, epoch ${epoch}`}</h2>
      <p class="soft">
        Each picture, then its {views} views of that step. Whatever differs between them, it learns to ignore.
      </p>
      <div class="tiles">
        {indices.map((picture, row) => (
          <span key={picture} class="tiles small framed">
            {Array.from({ length: columns }, (_, column) => (
              <Tile
                key={`${picture} ${column}`}
                sheet={sheet}
                place={row * columns + column}
                side={72}
                label={column === 0 ? `picture ${picture}` : `view ${column} of picture ${picture}`}
              />
            ))}
          </span>
        ))}
      </div>
    </section>
  );
}

const mostTiles = 120;

function Mapped({ id, sample, map }: { id: string; sample: Sample; map: readonly MapLine[] }) {
  const [place, setPlace] = useState<number | undefined>(undefined);
  const [chosen, setChosen] = useState<readonly number[]>([]);
  const at = Math.min(place ?? map.length - 1, map.length - 1);
  const last = map.at(-1)!;
  const places = useMemo(() => map.map(placesOf), [map]);
  const classes = useMemo(
    () => Uint8Array.from({ length: sample.length }, (_, i) => (sample.labels?.[i] ?? 7) % 24),
    [sample],
  );
  const sheet: Sheet = { address: sheetAddress(id, "sample", sample.length), ...sample, count: sample.length };
  const label = (picture: number) => nameOf(sample, picture);
  const pictures = chosen.length > 0 ? chosen : Array.from({ length: sample.length }, (_, i) => i);
  const moved = at > 0 ? farthest(places[0]!, places[at]!, pictures).slice(0, 24) : [];
  const tile = (picture: number, more: { note?: string; isMarked?: boolean } = {}) => (
    <Tile
      key={picture}
      sheet={sheet}
      place={picture}
      label={label(picture)}
      onClick={() => setChosen([picture])}
      {...more}
    />
  );
  return (
    <section>
      <h2>The map</h2>
      <p class="soft">
        {sample.length} pictures by the two main directions of their features
        {typeof last.explained === "number" && `, which hold ${percent(last.explained)} of the variance`}. A point moves
        only as its features do: alike pictures draw together as the network learns.
      </p>
      <PictureMap
        places={places}
        at={at}
        classes={classes}
        chosen={chosen}
        onChoose={setChosen}
        hover={(picture) => (
          <>
            <Tile sheet={sheet} place={picture} label={label(picture)} side={96} /> <br />
            {label(picture)}
          </>
        )}
      />
      <TimeSlider steps={map.map(({ step }) => step)} at={at} onMove={setPlace} />
      {sample.classes && <ClassKeys sample={sample} onChoose={setChosen} />}
      {chosen.length > 0 && (
        <>
          <h3>
            {chosen.length} chosen{chosen.length > mostTiles ? `, the first ${mostTiles}` : ""}
          </h3>
          <div class="tiles small">{chosen.slice(0, mostTiles).map((picture) => tile(picture))}</div>
        </>
      )}
      {moved.length > 0 && (
        <>
          <h3>
            What changed since step {map[0]!.step}: those that went farthest
            {chosen.length > 0 ? ", of the chosen ones" : ""}
          </h3>
          <div class="tiles small">
            {moved.map(({ picture, distance }) => tile(picture, { note: `went ${distance.toFixed(2)}` }))}
          </div>
        </>
      )}
      <Neighbours map={map} at={at} sample={sample} tile={tile} />
    </section>
  );
}

const nameOf = ({ names, labels, classes }: Sample, picture: number): string => {
  const own = classes?.[labels?.[picture] ?? -1];
  return `${names?.[picture] ?? `picture ${picture}`}${own ? ` (${own})` : ""}`;
};

function ClassKeys({ sample, onChoose }: { sample: Sample; onChoose: (pictures: readonly number[]) => void }) {
  const forms = ["●", "■", "◆"];
  return (
    <p class="legend">
      {sample.classes!.slice(0, 24).map((name, own) => (
        <button
          key={name}
          type="button"
          class="bare"
          onClick={() =>
            onChoose(Array.from({ length: sample.length }, (_, i) => i).filter((i) => sample.labels?.[i] === own))
          }
        >
          <span aria-hidden="true" style={{ color: palette[own % 8]! }}>
            {forms[Math.floor(own / 8) % 3]}
          </span>{" "}
          {name}
        </button>
      ))}
    </p>
  );
}

interface NeighboursProps {
  map: readonly MapLine[];
  at: number;
  sample: Sample;
  tile: (picture: number, more?: { note?: string; isMarked?: boolean }) => preact.JSX.Element;
}

const shownQueries = 8;

/** Nearest pictures of fixed ones then and now; the frame is on those that it had then and still has. */
function Neighbours({ map, at, sample, tile }: NeighboursProps) {
  const [then, now] = [map[at === map.length - 1 ? 0 : at]!, map.at(-1)!];
  const rows = sample.queries
    .slice(0, shownQueries)
    .map((query, i) => ({ query, before: then.neighbours?.[i] ?? [], after: now.neighbours?.[i] ?? [] }));
  if (rows.every(({ after }) => after.length === 0)) return null;
  return (
    <>
      <h2>Nearest neighbours, step {then.step} and now</h2>
      <p class="soft">Of fixed pictures. A frame is on those that stayed.</p>
      {rows.map(({ query, before, after }) => (
        <div key={query} class="neighbours">
          <div class="query">{tile(query)}</div>
          <div>
            <div class="tiles small">
              {before.map((picture) => tile(picture, { isMarked: after.includes(picture) }))}
            </div>
            <div class="tiles small">
              {after.map((picture) => tile(picture, { isMarked: before.includes(picture) }))}
            </div>
          </div>
        </div>
      ))}
    </>
  );
}

/** Files that could not be decoded are named in warnings with the reason. */
function LeftOut({ details: { remarks } }: { details: RunDetails }) {
  const own = remarks.filter(({ message }) => /decode|left out|could not be read|cannot be read/.test(asText(message)));
  if (own.length === 0) return null;
  return (
    <section>
      <h2>Left out</h2>
      <ul>
        {own.slice(-100).map((event, i) => (
          <li key={`${i} ${event.step}`}>{asText(event.message)}</li>
        ))}
      </ul>
    </section>
  );
}
