// Augmentation studio: the views of a recipe, drawn by the kernels that train.
import { useEffect, useRef, useState } from "preact/hooks";
import { flat } from "../parts/settings.ts";
import { type Sheet, Tile } from "../parts/tile.tsx";
import { Empty, Problem } from "../parts/words.tsx";
import { send } from "../server/ask.ts";

type Tree = Record<string, unknown>;

interface Preset {
  name: string;
  title?: string;
  presumes: string;
  views: Tree[];
}

interface Drawn {
  indices: number[];
  names?: (string | null)[] | null;
  columns: number;
  tile: number;
  webp: string;
  boxes?: ([number, number, number, number] | null)[][] | null;
}

const pictures = 10;
/** While a slider moves, so long nothing is asked. */
const waitMs = 150;

export function StudioPage() {
  const [data, setData] = useState("shapes");
  const [presets, setPresets] = useState<readonly Preset[] | undefined>(undefined);
  const [views, setViews] = useState<readonly Tree[]>([]);
  const [seed, setSeed] = useState(0);
  const [size, setSize] = useState(64);
  const [drawn, setDrawn] = useState<Drawn | undefined>(undefined);
  const [said, setSaid] = useState({ text: "", isProblem: false });
  const newest = useRef(0);

  const open = async () => {
    setSaid({ text: "opening the pictures; libtorch is loaded in a process of its own …", isProblem: false });
    try {
      const { presets: known, size: own } = await send<{ presets: Preset[]; size?: number }>("/api/studio", {
        data,
        views: [],
        seed: 0,
        size,
        pictures,
      });
      setPresets(known);
      if (own) setSize(own);
      setViews(known[0]?.views ?? []);
      setSaid({ text: "", isProblem: false });
    } catch (error) {
      setSaid({ text: (error as Error).message, isProblem: true });
    }
  };
  useEffect(() => {
    if (views.length === 0) return;
    const own = ++newest.current;
    const timer = setTimeout(async () => {
      try {
        const answer = await send<Drawn>("/api/studio", { data, views, seed, size, pictures });
        if (own !== newest.current) return;
        setDrawn(answer);
        setSaid({ text: "", isProblem: false });
      } catch (error) {
        if (own === newest.current) setSaid({ text: (error as Error).message, isProblem: true });
      }
    }, waitMs);
    return () => clearTimeout(timer);
  }, [views, seed, size]);
  return (
    <>
      <h1>Augmentations</h1>
      <p class="soft">
        How a recipe changes pictures, drawn by the same kernels that train. What the views of a picture do not share,
        the network learns to ignore.
      </p>
      <div class="row">
        <label>
          Pictures <input type="text" value={data} onInput={(event) => setData(event.currentTarget.value)} />
        </label>
        <button type="button" class="main" onClick={() => void open()}>
          Open
        </button>
      </div>
      {said.isProblem ? (
        <Problem text={said.text} />
      ) : (
        <p class="soft" role="status">
          {said.text}
        </p>
      )}
      {presets && (
        <>
          <Presets presets={presets} onChoose={setViews} />
          <div class="row">
            <button type="button" onClick={() => setSeed(seed + 1)}>
              Draw again
            </button>
            <label>
              side{" "}
              <select value={size} onChange={(event) => setSize(Number(event.currentTarget.value))}>
                {[32, 64, 96, 128, 224].map((side) => (
                  <option key={side}>{side}</option>
                ))}
              </select>
            </label>
          </div>
        </>
      )}
      {drawn && <Views drawn={drawn} />}
      {presets && views.length > 0 && <Sliders views={views} onChange={setViews} />}
      {!presets && <Empty>Name a folder of pictures, or a known data set such as shapes, and open it.</Empty>}
    </>
  );
}

function Presets({ presets, onChoose }: { presets: readonly Preset[]; onChoose: (views: readonly Tree[]) => void }) {
  const [chosen, setChosen] = useState(0);
  return (
    <div class="field">
      <label>
        Made for
        <select
          value={chosen}
          onChange={(event) => {
            const place = Number(event.currentTarget.value);
            setChosen(place);
            onChoose(presets[place]!.views);
          }}
        >
          {presets.map(({ name, title = name }, place) => (
            <option key={name} value={place}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <p class="soft">{presets[chosen]?.presumes}</p>
    </div>
  );
}

function Views({ drawn: { indices, names, columns, tile, webp, boxes } }: { drawn: Drawn }) {
  const side = 84;
  const sheet: Sheet = { address: `data:image/webp;base64,${webp}`, tile, columns, count: columns * indices.length };
  return (
    <div class="tiles">
      {indices.map((picture, row) => (
        <span key={picture} class="tiles small framed">
          {Array.from({ length: columns }, (_, column) => (
            <span key={column} class="boxed">
              <Tile
                sheet={sheet}
                place={row * columns + column}
                side={side}
                label={`${column === 0 ? "picture" : `view ${column} of`} ${names?.[row] ?? picture}`}
              />
              {column === 0 &&
                boxes?.[row]?.map((box, view) =>
                  box ? (
                    <span
                      key={`${box.join()} ${view}`}
                      class={`box box-${view % 2}`}
                      style={{
                        left: `${side * box[0]}px`,
                        top: `${side * box[1]}px`,
                        width: `${side * box[2]}px`,
                        height: `${side * box[3]}px`,
                      }}
                    />
                  ) : null,
                )}
            </span>
          ))}
        </span>
      ))}
    </div>
  );
}

/** What is moved by a slider: its numbers, from 0 to an end that is more than anybody needs. */
const isMoved = (key: string, value: unknown): boolean =>
  (typeof value === "number" || isRange(value)) && !/^(size|normalize)/.test(key);
const isRange = (value: unknown): value is [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === "number");
const endOf = (key: string, value: number): number =>
  /ratio|sigma/i.test(key) ? Math.max(2, 2 * value) : value > 1 ? 2 * value : 1;

function Sliders({ views, onChange }: { views: readonly Tree[]; onChange: (views: readonly Tree[]) => void }) {
  const [view, setView] = useState<"all" | number>("all");
  const [isCopied, setCopied] = useState(false);
  const shownView = views[view === "all" ? 0 : Math.min(view, views.length - 1)]!;
  const fields = Object.entries(flat(shownView)).filter(([key, value]) => isMoved(key, value));
  const set = (key: string, value: unknown) =>
    onChange(views.map((own, place) => (view === "all" || view === place ? changed(own, key.split("."), value) : own)));
  const recipe = `views: ${JSON.stringify(views, null, 2)}`;
  const copy = async () => {
    await navigator.clipboard?.writeText(recipe).catch(() => {});
    setCopied(true);
  };
  return (
    <>
      <h2>The recipe</h2>
      <div class="row">
        <label>
          Change{" "}
          <select
            value={view}
            onChange={({ currentTarget: { value } }) => setView(value === "all" ? "all" : Number(value))}
          >
            <option value="all">all views</option>
            {views.map((_, place) => (
              <option key={place} value={place}>
                view {place + 1} alone
              </option>
            ))}
          </select>
        </label>
        <button type="button" onClick={() => void copy()}>
          {isCopied ? "Copied; it stands below too" : "Copy as recipe"}
        </button>
      </div>
      <div class="columns">
        {fields.flatMap(([key, value]) =>
          isRange(value)
            ? value.map((own, end) => (
                <Slider
                  key={`${key} ${end}`}
                  name={`${key}, ${end === 0 ? "least" : "most"}`}
                  value={own}
                  onMove={(one) =>
                    set(
                      key,
                      value.map((old, i) => (i === end ? one : old)),
                    )
                  }
                />
              ))
            : [<Slider key={key} name={key} value={value as number} onMove={(one) => set(key, one)} />],
        )}
      </div>
      <details open={isCopied}>
        <summary>As a recipe’s text</summary>
        <pre>{recipe}</pre>
      </details>
    </>
  );
}

function Slider({ name, value, onMove }: { name: string; value: number; onMove: (value: number) => void }) {
  const end = useRef(endOf(name, value));
  return (
    <label class="slider">
      <span>
        {name} <b>{Number(value.toPrecision(3))}</b>
      </span>
      <input
        type="range"
        min="0"
        max={end.current}
        step={end.current / 100}
        value={value}
        onInput={(event) => onMove(Number(event.currentTarget.value))}
      />
    </label>
  );
}

function changed(tree: unknown, [key, ...rest]: readonly string[], value: unknown): Tree {
  const own = tree as Tree;
  return { ...own, [key!]: rest.length === 0 ? value : changed(own[key!], rest, value) };
}
