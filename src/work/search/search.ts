// N pictures of the index, M queries, D features
import { CallError, displayName, SelfsightError } from "../../errors.ts";
import { nearestNeighbours } from "../../evaluate/index.ts";
import { picturesOfIndex } from "../embeddings/found-again.ts";
import { loadIndex, type Neighbour, type PictureIndex } from "../embeddings/picture-index.ts";
import { Model, type Picture } from "../model.ts";
import { openRepresentation, type RepresentationOptions } from "../representation.ts";

/** How many are wanted, and by which network. */
export interface SearchOptions extends Omit<RepresentationOptions, "size"> {
  /** Pictures for each query. Default 10. */
  count?: number | undefined;
  /** The network of the index: open, or what opens it. Default: what the index was made with. */
  network?: string | Model | undefined;
}

/** What is most like one picture. */
export interface SearchedPicture {
  /** Its path; `picture 3` where bytes or pixels were given. */
  query: string;
  /** Nearest first. */
  nearest: Neighbour[];
}

export interface SearchResult {
  index: PictureIndex;
  /** What the network calls itself. */
  representation: string;
  device: string;
  queries: SearchedPicture[];
}

/**
 * The pictures of an index that are most like each of some others: exact, by cosine similarity, one product on the engine for all
 * queries together.
 *
 * @throws SelfsightError "checkpoint" where the network is not the one that made the index; "data" for what is no picture.
 */
export async function searchIndex(
  index: PictureIndex | string,
  pictures: readonly Picture[],
  { count = 10, network, ...opening }: SearchOptions = {},
): Promise<SearchResult> {
  if (!Number.isInteger(count) || count < 1)
    throw new CallError(`search: count ${count}; a whole number from 1 is needed; leave it out for 10`);
  const bank = typeof index === "string" ? await loadIndex(index) : index;
  const { source, size } = bank.notes;
  if (network instanceof Model) return found(bank, network, pictures, count);
  const opened = network ?? source;
  const ofPixels = opened.startsWith("pixels") ? await picturesOfIndex(bank.notes, []) : undefined; // grey ones have one channel
  const model = new Model(openRepresentation(opened, ofPixels?.dataset, { ...opening, size }));
  try {
    return await found(bank, model, pictures, count);
  } finally {
    model.free();
  }
}

async function found(
  index: PictureIndex,
  model: Model,
  pictures: readonly Picture[],
  count: number,
): Promise<SearchResult> {
  refuseOtherTrunk(index, model);
  const vectors = await model.embed(pictures);
  const { dimensions, length, features } = index;
  const values = new Float32Array(vectors.length * dimensions); // [M, D]
  for (const [i, vector] of vectors.entries()) values.set(vector, i * dimensions);
  const {
    places,
    similarities,
    count: k,
  } = nearestNeighbours(
    { values: features, length, dimensions },
    { values, length: vectors.length, dimensions },
    count,
    { device: model.device },
  );
  const neighbour = (at: number): Neighbour => ({
    name: index.names[places[at]!]!,
    row: places[at]!,
    similarity: similarities[at]!,
  });
  const queries = pictures.map((picture, i) => ({
    query: typeof picture === "string" ? picture : `picture ${i}`,
    nearest: Array.from({ length: k }, (_, j) => neighbour(i * k + j)),
  }));
  return { index, representation: model.name, device: model.device, queries };
}

/** Vectors of two networks have nothing to do with one another, of however many values they are. */
function refuseOtherTrunk({ notes }: PictureIndex, model: Model): void {
  if (model.trunk === notes.trunk) return;
  throw new SelfsightError(
    "checkpoint",
    `search: the index was made with ${displayName(notes.representation)} (trunk ${notes.trunk.slice(0, 12)}), this is ${model.name} (trunk ${model.trunk.slice(0, 12)}); ` +
      "vectors of two networks, or of two states of one, are no neighbours; embed the pictures again with this one, or name the weights of the index by --network",
  );
}
