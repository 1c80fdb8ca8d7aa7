// Colour profiles (ICC.1): whether the one in a picture can be applied. The decoder passes over one that cannot, in silence.

/** The profile's colour space for each space of pixels that the decoder names. */
const spaces: Record<string, string> = { srgb: "RGB ", rgb16: "RGB ", "b-w": "GRAY", grey16: "GRAY", cmyk: "CMYK" };

/** Tags that lead from a colour space to the profile's own; one whole set is needed. */
const transforms: Record<string, readonly (readonly string[])[]> = {
  "RGB ": [["A2B0"], ["A2B1"], ["rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC"]],
  GRAY: [["A2B0"], ["A2B1"], ["kTRC"]],
  CMYK: [["A2B0"], ["A2B1"]],
};

const headerBytes = 128;
const entryBytes = 12; // name, offset, size

/** Whether a profile leads from pixels of this space to colours: it is whole, of their colour space, and has the curves or tables for it. */
export function isApplicable(profile: Buffer, space: string): boolean {
  const wanted = spaces[space];
  if (wanted === undefined || profile.length < headerBytes + 4 || text(profile, 36) !== "acsp") return false;
  if (text(profile, 16) !== wanted || profile.readUInt32BE(0) > profile.length) return false;
  const tags = tagsOf(profile);
  return transforms[wanted]!.some((needed) => needed.every((tag) => tags.has(tag)));
}

/** Names of the tags that lie within the profile. */
function tagsOf(profile: Buffer): Set<string> {
  const room = Math.floor((profile.length - headerBytes - 4) / entryBytes);
  const count = Math.min(profile.readUInt32BE(headerBytes), room);
  const starts = Array.from({ length: count }, (_, i) => headerBytes + 4 + i * entryBytes);
  const whole = starts.filter((at) => profile.readUInt32BE(at + 4) + profile.readUInt32BE(at + 8) <= profile.length);
  return new Set(whole.map((at) => text(profile, at)));
}

const text = (profile: Buffer, at: number): string => profile.toString("latin1", at, at + 4);

/** Whether a PNG brings a profile; the decoder drops one that it cannot unpack or that is of another colour space. */
export function hasPngProfile(bytes: Buffer): boolean {
  const pixels = bytes.indexOf("IDAT");
  return bytes.subarray(0, Math.max(pixels, 0)).includes("iCCP");
}
