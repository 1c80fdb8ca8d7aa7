import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unpacked } from "../../../test/coco-reference.ts";
import { compressedCounts, decompressedCounts } from "./compressed.ts";
import { maskOverlaps } from "./overlap.ts";
import { polygonMask } from "./polygons.ts";
import { encodeMask, maskArea, maskBitmap, maskBox, maskUnion, type RunLengths } from "./run-lengths.ts";

interface PolygonCase {
  height: number;
  width: number;
  polygons: number[][];
  counts: string;
  area: number;
  box: number[];
}
interface OverlapCase {
  height: number;
  width: number;
  detections: string[];
  groundTruths: string[];
  isCrowd: number[];
  overlaps: number[][];
}

/** By pycocotools: see test/reference/coco/masks.py. */
const reference = JSON.parse(unpacked("masks.json")) as { cases: PolygonCase[]; overlaps: OverlapCase[] };
const maskOf = ({ height, width }: { height: number; width: number }, text: string): RunLengths => ({
  height,
  width,
  counts: decompressedCounts(text)!,
});

describe("polygons and run lengths equal pycocotools", () => {
  it("has many cases", () => expect([reference.cases.length, reference.overlaps.length]).toEqual([240, 12]));

  it.each(reference.cases.map((given, place) => ({ place, ...given })))("polygons $place", (given) => {
    const polygons = given.polygons.map((corners) => Float64Array.from(corners));
    const mask = polygonMask(polygons, given.height, given.width);
    expect(compressedCounts(mask.counts)).toBe(given.counts);
    expect([...maskOf(given, given.counts).counts]).toEqual([...mask.counts]);
    expect(maskArea(mask)).toBe(given.area);
    expect(maskBox(mask)).toEqual(given.box);
    expect([...encodeMask(maskBitmap(mask), given.height, given.width).counts]).toEqual([...mask.counts]);
  });

  it.each(reference.overlaps)("overlaps, crowds among them", (given) => {
    const detections = given.detections.map((text) => maskOf(given, text));
    const groundTruths = given.groundTruths.map((text) => maskOf(given, text));
    const overlaps = maskOverlaps(detections, groundTruths, Uint8Array.from(given.isCrowd));
    expect([...overlaps]).toEqual(given.overlaps.flat());
  });
});

const bitmaps = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })).chain(([height, width]) =>
  fc.record({
    height: fc.constant(height),
    width: fc.constant(width),
    bits: fc.array(fc.array(fc.boolean(), { minLength: height * width, maxLength: height * width }), {
      minLength: 2,
      maxLength: 3,
    }),
  }),
);

describe("whatever the bitmap", () => {
  it("is the same after encoding, writing, reading and decoding", () => {
    fc.assert(
      fc.property(bitmaps, ({ height, width, bits }) => {
        const bitmap = Uint8Array.from(bits[0]!, Number);
        const mask = encodeMask(bitmap, height, width);
        const counts = decompressedCounts(compressedCounts(mask.counts))!;
        expect([...counts]).toEqual([...mask.counts]);
        expect([...maskBitmap({ height, width, counts })]).toEqual([...bitmap]);
        expect(maskArea(mask)).toBe(bitmap.reduce((sum, bit) => sum + bit, 0));
      }),
    );
  });

  it("unions and overlaps are those of its pixels", () => {
    fc.assert(
      fc.property(bitmaps, ({ height, width, bits }) => {
        const [first, ...others] = bits.map((own) => encodeMask(Uint8Array.from(own, Number), height, width));
        const anyOf = bits[0]!.map((_, pixel) => bits.some((own) => own[pixel]!));
        expect([...maskBitmap(maskUnion([first!, ...others]))]).toEqual(anyOf.map(Number));
        const both = bits[0]!.filter((bit, pixel) => bit && bits[1]![pixel]).length;
        const either = bits[0]!.filter((bit, pixel) => bit || bits[1]![pixel]).length;
        const overlaps = maskOverlaps([first!], [others[0]!, others[0]!], Uint8Array.of(0, 1));
        expect(overlaps[0]).toBe(both === 0 ? 0 : both / either);
        expect(overlaps[1]).toBe(both === 0 ? 0 : both / maskArea(first!));
      }),
    );
  });

  it("its box is that of its pixels", () => {
    fc.assert(
      fc.property(bitmaps, ({ height, width, bits }) => {
        const inside = bits[0]!.flatMap((bit, pixel) =>
          bit ? [[pixel % width, Math.floor(pixel / width)] as const] : [],
        );
        const [xs, ys] = [inside.map(([x]) => x), inside.map(([, y]) => y)];
        const [left, top] = [Math.min(...xs), Math.min(...ys)];
        const box = [left, top, Math.max(...xs) - left + 1, Math.max(...ys) - top + 1];
        const mask = encodeMask(Uint8Array.from(bits[0]!, Number), height, width);
        expect(maskBox(mask)).toEqual(inside.length === 0 ? [0, 0, 0, 0] : box);
      }),
    );
  });
});

it("text that is no compressed mask is none", () => {
  expect(decompressedCounts("P")).toBeUndefined(); // it ends where more must follow
  expect(decompressedCounts("!")).toBeUndefined();
  expect(decompressedCounts("O")).toBeUndefined(); // minus one pixel
  fc.assert(fc.property(fc.string(), (text) => void decompressedCounts(text)));
});
