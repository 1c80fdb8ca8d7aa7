import { createHash } from "node:crypto";
import { displayName, SelfsightError } from "../../errors.ts";
import { companionsOf, type Representation, type Sharing } from "../../evaluate/index.ts";
import { type Module, stateOf } from "../../nn/index.ts";
import { stored } from "../../weights/index.ts";

/** What decides how a picture becomes what the network sees. Bad files and precision do not: they change no picture's place. */
type Seeing = Pick<Representation, "size" | "normalize" | "decodeSize" | "rules">;

/**
 * What vectors must have in common to be compared: SHA-256 over the network's tensors (names, types, shapes, bytes) and over how
 * pictures are read for it (size, normalisation, range, bands).
 */
export function trunkDigest(network: Module, { size, normalize, decodeSize, rules }: Seeing): string {
  const hash = createHash("sha256");
  const { range = null, bands = null } = rules ?? {};
  hash.update(JSON.stringify({ size, normalize, decodeSize, range, bands }));
  for (const [name, tensor] of [...stateOf(network)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (name.endsWith("num_batches_tracked")) continue; // a count, on which no feature depends
    const { dtype, shape, bytes } = stored(tensor);
    hash.update(`\n${name} ${dtype} ${shape.join("x")}\n`).update(bytes);
  }
  return hash.digest("hex");
}

/** The same of a representation without weights, such as the pixels. */
export const weightlessDigest = (name: string, seeing: Seeing): string =>
  createHash("sha256")
    .update(JSON.stringify([name, seeing.size, seeing.decodeSize, seeing.rules?.range, seeing.rules?.bands]))
    .digest("hex");

/** Each process has opened the network by itself, perhaps from a run that goes on. Errors: checkpoint, where it is another one here than in process 0. */
export async function refuseOtherTrunk(
  sharing: Sharing | undefined,
  source: string,
  digest: () => string,
): Promise<void> {
  const team = companionsOf(sharing);
  if (team && (await team.byLeader(digest)) !== digest()) throw otherTrunk(source);
}

export const otherTrunk = (source: string): SelfsightError =>
  new SelfsightError(
    "checkpoint",
    `features: ${displayName(source)} is another network here than in process 0; every process opens the same files; put the same ones there`,
  );
