// What people and programs make of a picture: the copies that a threshold is set by.
import sharp, { type Sharp } from "sharp";
import { type DecodeOptions, decodeBytes, type RawImage } from "../../data/index.ts";

/** The kinds of copies, in the order in which they are made. */
export const copyKinds = ["resized to 60 %", "recompressed (JPEG, quality 40)", "mirrored", "cropped by 10 %"] as const;

/** Share of each side that a crop keeps. */
const kept = 0.9;

/** A copy of each kind, decoded as files are; `place` says where in [0, 1] the crop lies along each side. */
export async function copiesOf(
  { pixels, width, height }: RawImage,
  place: readonly [number, number],
  how: DecodeOptions,
): Promise<RawImage[]> {
  const open = (): Sharp => sharp(pixels, { raw: { width, height, channels: 3 } });
  const [cropWidth, cropHeight] = [width, height].map((side) => Math.max(1, Math.round(kept * side))) as [
    number,
    number,
  ];
  const crop = {
    left: Math.floor(place[0] * (width - cropWidth)),
    top: Math.floor(place[1] * (height - cropHeight)),
    width: cropWidth,
    height: cropHeight,
  };
  const made = [
    open()
      .resize(Math.max(1, Math.round(0.6 * width)))
      .jpeg({ quality: 90 }),
    open().jpeg({ quality: 40 }),
    open().flop().jpeg({ quality: 90 }),
    open().extract(crop).jpeg({ quality: 90 }),
  ];
  return Promise.all(made.map(async (copy) => decodeBytes(await copy.toBuffer(), "copy", how)));
}
