// Batches of which several processes read a part each.  W processes
import type { DetectionSet } from "../../../data/annotations/index.ts";
import type { Team } from "../../../distributed/index.ts";
import type { PictureBatch, PictureReader, SharedBatch } from "../batches.ts";
import { sizeAround } from "../pictures.ts";
import type { DetectorFile } from "../run-file.ts";
import { placementOf } from "../step.ts";

interface BadPicture {
  /** In the set. */
  place: number;
  message: string;
}

/** Pictures that cannot be read: those that this process has found since all were told, and those that all know of. */
export interface BadPictures {
  found: BadPicture[];
  told: Set<number>;
}

export interface SharedReading {
  team: Team;
  file: DetectorFile;
  set: DetectionSet;
  reader: PictureReader;
  bad: BadPictures;
  /** Told once of each picture that one of the processes could not read. */
  onBadFile: (message: string) => void;
  /** Whether this process was asked to stop. */
  isStopping: () => boolean;
}

/** This process's batches, each with what all processes know of it: one message a batch, and a second one where a picture is bad. */
export async function* sharedBatches(
  batches: AsyncIterable<PictureBatch>,
  reading: SharedReading,
): AsyncGenerator<PictureBatch> {
  for await (const batch of batches) yield { ...batch, shared: exchanged(batch, reading) };
}

function exchanged({ pictures }: PictureBatch, { team, file, set, ...reading }: SharedReading): SharedBatch {
  const own = sizeAround(pictures.map((picture) => placementOf(file, set, picture).window));
  const inOwnPlace = (side: number) => Array.from({ length: team.size }, (_, rank) => (rank === team.rank ? side : 0));
  const said = [reading.bad.found.length, Number(reading.isStopping())];
  const sums = team.sums([...said, ...inOwnPlace(own.height), ...inOwnPlace(own.width)]);
  const [found, wishes] = sums as [number, number];
  if (found > 0) leaveOut(team, reading);
  const sides = sums.slice(said.length); // [2 W]
  const size = { height: Math.max(...sides.slice(0, team.size)), width: Math.max(...sides.slice(team.size)) };
  return { size, isStopping: wishes > 0 };
}

/** A picture that one process cannot read is left out by all. */
function leaveOut(team: Team, { bad, reader, onBadFile }: Pick<SharedReading, "bad" | "reader" | "onBadFile">): void {
  for (const { place, message } of team.union(bad.found.splice(0))) {
    reader.unreadable.add(place);
    if (!bad.told.has(place)) onBadFile(message);
    bad.told.add(place);
  }
}
