// What several processes find in pictures, each in its own ones.  N pictures, W processes, D detections
import type { Detections } from "../../../data/annotations/index.ts";
import type { RunLengths } from "../../../data/masks/run-lengths.ts";
import type { Team } from "../../../distributed/index.ts";

/** Pictures of a process between two messages: some seconds of work, and text that is soon told. */
const picturesOfRound = 4;

/** What one picture came to; undefined where it could not be read. */
export type FoundInPicture = Detections | undefined;

interface Round {
  found: (Plain | null)[];
  warnings: string[];
}

export interface FindTogetherOptions {
  team: Team;
  /** What a picture of this process shows. */
  find: (place: number) => Promise<FoundInPicture>;
  /** What this process has to say of its pictures since the last time. */
  takeWarnings: () => string[];
  /** In process 0. */
  warn: (message: string) => void;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What `count` pictures show, in their order, in process 0; the others are given none. */
export async function foundTogether(count: number, options: FindTogetherOptions): Promise<FoundInPicture[]> {
  const { team, takeWarnings } = options;
  const all: FoundInPicture[] = [];
  for (let start = 0; start < count; start += team.size * picturesOfRound) {
    const found = await ownFound(ownPlaces(start, count, team), options);
    const texts = toldByAll(JSON.stringify({ found, warnings: takeWarnings() } satisfies Round), team);
    if (team.isLeader) all.push(...taken(texts, options));
    if (team.isLeader) options.onProgress?.(all.length, count);
  }
  return all;
}

function ownPlaces(start: number, count: number, { rank }: Team): number[] {
  const first = start + rank * picturesOfRound;
  return Array.from({ length: picturesOfRound }, (_, i) => first + i).filter((place) => place < count);
}

async function ownFound(places: readonly number[], { find }: FindTogetherOptions): Promise<Round["found"]> {
  const found: Round["found"] = [];
  for (const place of places) {
    const own = await find(place);
    found.push(own ? plain(own) : null);
  }
  return found;
}

function taken(texts: readonly string[], { warn }: FindTogetherOptions): FoundInPicture[] {
  const rounds = texts.map((text) => JSON.parse(text) as Round);
  for (const message of rounds.flatMap(({ warnings }) => warnings)) warn(message);
  return rounds.flatMap(({ found }) => found.map((own) => (own ? detectionsFrom(own) : undefined)));
}

/** The texts of all processes. They travel as numbers, four bytes a byte: what is left in the meeting place would stay in memory. */
function toldByAll(text: string, team: Team): string[] {
  const { values, counts } = team.gather({ values: Float32Array.from(Buffer.from(text)), dimensions: 1 });
  const bytes = Buffer.from(Uint8Array.from(values));
  let start = 0;
  return counts.map((count) => {
    start += count;
    return bytes.toString("utf8", start - count, start);
  });
}

/** Detections as JSON has them, to the bit. */
interface Plain {
  boxes: number[];
  scores: number[];
  classes: number[];
  masks?: { height: number; width: number; counts: number[] }[];
}

const plain = ({ boxes, scores, classes, masks }: Detections): Plain => ({
  boxes: [...boxes],
  scores: [...scores],
  classes: [...classes],
  ...(masks && { masks: masks.map((mask) => ({ ...mask, counts: [...mask.counts] })) }),
});

const detectionsFrom = ({ boxes, scores, classes, masks }: Plain): Detections => ({
  boxes: Float32Array.from(boxes),
  scores: Float32Array.from(scores),
  classes: Int32Array.from(classes),
  ...(masks && { masks: masks.map((mask): RunLengths => ({ ...mask, counts: Uint32Array.from(mask.counts) })) }),
});
