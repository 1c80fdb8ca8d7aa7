// M objects, P parts of masks
import { createHash } from "node:crypto";
import { digest } from "../dataset.ts";
import type { RunLengths } from "../masks/run-lengths.ts";
import {
  type DetectionImage,
  type DetectionSet,
  type MaskTable,
  type ObjectTable,
  objectsOf,
  type StoredMask,
} from "./detection-set.ts";

/** An object as a reader found it. */
export interface FoundObject {
  id: number;
  box: readonly [left: number, top: number, right: number, bottom: number];
  class: number;
  isCrowd: boolean;
  isDifficult: boolean;
  area: number;
  /** Of the box; default what follows from its sides. */
  boxArea?: number;
  mask?: StoredMask | undefined;
}

/** Numbers side by side, as many as come. */
class Column {
  #numbers = new Float64Array(1024);
  length = 0;

  push(...numbers: number[]): void {
    this.append(numbers);
  }

  append(numbers: ArrayLike<number>): void {
    const length = this.length + numbers.length;
    if (length > this.#numbers.length) this.#grow(length);
    this.#numbers.set(numbers, this.length);
    this.length = length;
  }

  #grow(length: number): void {
    const larger = new Float64Array(Math.max(length, Math.ceil(1.5 * this.#numbers.length)));
    larger.set(this.#numbers.subarray(0, this.length));
    this.#numbers = larger;
  }

  get values(): Float64Array {
    return this.#numbers.subarray(0, this.length);
  }
}

/** Of an object's row in the collector. */
const columns = 10;

const areaOf = ([left, top, right, bottom]: FoundObject["box"]): number => (right - left) * (bottom - top);

/** Takes objects in any order and lays them out picture by picture. */
export class ObjectCollector {
  readonly #image = new Column();
  readonly #rows = new Column(); // [M, 10]: box, class, crowd, difficult, area, id, area of the box
  readonly #kinds = new Column();
  readonly #firstPart = new Column();
  readonly #firstNumber = new Column();
  readonly #numbers = new Column();

  get count(): number {
    return this.#image.length;
  }

  add(image: number, { id, box, class: place, isCrowd, isDifficult, area, boxArea, mask }: FoundObject): void {
    this.#image.push(image);
    this.#rows.push(...box, place, Number(isCrowd), Number(isDifficult), area, id, boxArea ?? areaOf(box));
    this.#kinds.push(mask === undefined ? 0 : "polygons" in mask ? 1 : 2);
    this.#firstPart.push(this.#firstNumber.length);
    for (const part of partsOf(mask)) {
      this.#firstNumber.push(this.#numbers.length);
      this.#numbers.append(part);
    }
  }

  /** The objects of `images` pictures, and where those of each begin. */
  laidOut(images: number): Pick<DetectionSet, "objects" | "firstObject"> {
    const firstObject = new Uint32Array(images + 1);
    const image = this.#image.values;
    for (const place of image) firstObject[place + 1]!++;
    for (let place = 0; place < images; place++) firstObject[place + 1]! += firstObject[place]!;
    const next = firstObject.slice();
    const order = new Uint32Array(this.count);
    image.forEach((place, row) => {
      order[next[place]!++] = row;
    });
    return { firstObject, objects: this.#table(order) };
  }

  #table(order: Uint32Array): ObjectTable {
    const rows = this.#rows.values;
    const column = (offset: number) => Float64Array.from(order, (row) => rows[columns * row + offset]!);
    const boxes = new Float64Array(4 * order.length); // [M, 4]
    order.forEach((row, place) => {
      boxes.set(rows.subarray(columns * row, columns * row + 4), 4 * place);
    });
    return {
      boxes,
      classes: Int32Array.from(column(4)),
      isCrowd: Uint8Array.from(column(5)),
      isDifficult: Uint8Array.from(column(6)),
      areas: column(7),
      ids: column(8),
      boxAreas: column(9),
      ...(this.#kinds.values.some((kind) => kind !== 0) && { masks: this.#masks(order) }),
    };
  }

  /** Only the parts are put in order: their numbers may be most of what a file holds. */
  #masks(order: Uint32Array): MaskTable {
    const parts = this.#firstNumber.length;
    const [firstPart, partStart, partEnd] = [
      new Uint32Array(order.length + 1),
      new Uint32Array(parts),
      new Uint32Array(parts),
    ];
    let part = 0;
    order.forEach((row, place) => {
      const end = this.#firstPart.values[row + 1] ?? parts;
      for (let from = this.#firstPart.values[row]!; from < end; from++) {
        partStart[part] = this.#firstNumber.values[from]!;
        partEnd[part++] = this.#firstNumber.values[from + 1] ?? this.#numbers.length;
      }
      firstPart[place + 1] = part;
    });
    const kinds = Uint8Array.from(order, (row) => this.#kinds.values[row]!);
    return { kinds, firstPart, partStart, partEnd, numbers: this.#numbers.values };
  }
}

const partsOf = (mask: StoredMask | undefined): ArrayLike<number>[] =>
  mask === undefined ? [] : "polygons" in mask ? mask.polygons : [(mask as RunLengths).counts];

/** What a set is made of, before it has a fingerprint. */
export type SetParts = Omit<DetectionSet, "fingerprint">;

export function detectionSet(parts: SetParts): DetectionSet {
  const { images, categories, objects, firstObject } = parts;
  const names = JSON.stringify([images.map(({ id, width, height }) => [id, width, height]), categories]);
  const shapes = objects.masks ? shapesDigest(objects.masks) : "";
  const fingerprint = digest(names, firstObject, bytesOf(objects.boxes), objects.classes, objects.isCrowd, shapes);
  return { ...parts, fingerprint };
}

const bytesOf = (numbers: Float64Array): Uint8Array =>
  new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);

/** In the order of the objects, wherever in the file their numbers stand. */
function shapesDigest({ partStart, partEnd, numbers }: MaskTable): string {
  const hash = createHash("sha256");
  partStart.forEach((start, part) => {
    hash.update(`${partEnd[part]! - start} `).update(bytesOf(numbers.subarray(start, partEnd[part]!)));
  });
  return hash.digest("hex");
}

/** The pictures at `places`, in that order, with their objects. */
export function chosenImages(set: DetectionSet, places: ArrayLike<number>): DetectionSet {
  const collector = new ObjectCollector();
  const chosen = Array.from(places);
  chosen.forEach((place, image) => {
    for (const object of foundObjects(set, place)) collector.add(image, object);
  });
  const images: DetectionImage[] = chosen.map((place) => set.images[place]!);
  return detectionSet({ ...set, images, ...collector.laidOut(images.length) });
}

function foundObjects(set: DetectionSet, image: number): FoundObject[] {
  const { count, boxes, classes, isCrowd, isDifficult, areas, boxAreas, ids, mask } = objectsOf(set, image);
  return Array.from({ length: count }, (_, at) => ({
    id: ids[at]!,
    box: [boxes[4 * at]!, boxes[4 * at + 1]!, boxes[4 * at + 2]!, boxes[4 * at + 3]!] as const,
    class: classes[at]!,
    isCrowd: isCrowd[at] === 1,
    isDifficult: isDifficult[at] === 1,
    area: areas[at]!,
    boxArea: boxAreas[at]!,
    mask: mask(at),
  }));
}
