// COCO's compressed run lengths: each number in groups of five bits, the lowest first, a sixth bit where more follow, as characters
// from "0" on. From the fourth on it is the difference to the number two places before.

const firstCharacter = 48;
const mostWeight = 32 ** 6; // seven groups, 35 bits: no picture has more pixels than 32 bits count

/** The counts of a compressed mask, or undefined where the text is none. */
export function decompressedCounts(text: string): Uint32Array | undefined {
  const counts = new Uint32Array(text.length);
  let [runs, at] = [0, 0];
  while (at < text.length) {
    let value = 0;
    let weight = 1;
    let group = 0;
    do {
      group = text.charCodeAt(at++) - firstCharacter;
      if (!(group >= 0 && group < 64) || weight > mostWeight) return undefined; // NaN at the end of the text
      value += (group & 31) * weight;
      weight *= 32;
    } while (group & 32);
    if (group & 16) value -= weight; // the highest bit is the sign
    const count = runs > 2 ? value + counts[runs - 2]! : value;
    if (count < 0 || count > 0xffffffff) return undefined;
    counts[runs++] = count;
  }
  return counts.slice(0, runs);
}

/** The text of counts, as COCO's files hold it. */
export function compressedCounts(counts: Uint32Array): string {
  const characters: number[] = [];
  counts.forEach((count, run) => {
    let value = run > 2 ? count - counts[run - 2]! : count;
    for (let more = true; more; ) {
      const group = ((value % 32) + 32) % 32;
      value = Math.floor(value / 32);
      more = group & 16 ? value !== -1 : value !== 0;
      characters.push(firstCharacter + (more ? group | 32 : group));
    }
  });
  return characters.map((code) => String.fromCharCode(code)).join("");
}
