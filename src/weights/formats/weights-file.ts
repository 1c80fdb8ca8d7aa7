// Any file of weights, told by its content and not by its name: which tensors it has, and the numbers of those that are asked for.
import { displayName, SelfsightError } from "../../errors.ts";
import { type ByteSource, openBytes } from "./byte-source.ts";
import { FormatError, UnsafeError } from "./faults.ts";
import type { StoredTensor } from "./safetensors.ts";
import type { StoredType } from "./safetensors-header.ts";
import { readSafetensorsHeader } from "./safetensors-source.ts";
import { openTorchLegacy } from "./torch-legacy.ts";
import { namedTensors, readTensors } from "./torch-tensors.ts";
import { openTorchZip } from "./torch-zip.ts";

/** A tensor before its numbers are read. */
export interface TensorFacts {
  shape: readonly number[];
  type: StoredType;
}

export interface WeightsFile {
  kind: "safetensors" | "PyTorch zip" | "PyTorch legacy";
  /** Under the file's whole names: `state_dict.module.conv1.weight`. */
  tensors: ReadonlyMap<string, TensorFacts>;
  /** Tensors that are none of plain numbers, and why. */
  unreadable: ReadonlyMap<string, string>;
  metadata: Readonly<Record<string, string>>;
  /** The numbers of these tensors; no others are read. Errors: as of opening. */
  read(names: Iterable<string>): Promise<Map<string, StoredTensor>>;
  close(): void;
}

/**
 * Opens a safetensors file or one of PyTorch's (`.pth`, `.pt`, `.pth.tar`, `.ckpt`, `.torch`); nothing in it is run.
 * Errors: checkpoint, for a damaged or foreign file, or one that cannot be read; unsafe, for a pickle that asks for code.
 */
export async function openWeightsFile(path: string): Promise<WeightsFile> {
  const source = await refusing(path, async () => openBytes(path));
  const opened = await refusing(path, () => openKind(source)).catch((cause: unknown) => {
    source.close();
    throw cause;
  });
  const read: WeightsFile["read"] = (names) =>
    refusing(path, async () => {
      const found = await opened.read(names);
      source.refuseChanged();
      return found;
    });
  return { ...opened, read, close: source.close };
}

type Opened = Omit<WeightsFile, "close">;

async function openKind(source: ByteSource): Promise<Opened> {
  const start = source.read(0, Math.min(source.size, 512));
  if (start.subarray(0, 4).toString("latin1") === "PK\x03\x04") return openTorch("PyTorch zip", source);
  if (start[0] === 0x80) return openTorch("PyTorch legacy", source);
  if (start[8] === 0x7b) return openSafetensors(source);
  throw new FormatError(foreign(start));
}

/** What people have in place of weights most often. */
function foreign(start: Buffer): string {
  const text = start.toString("latin1");
  if (start.length === 0) return "it is empty";
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) return "it is a web page, perhaps what a failed download left";
  if (text.startsWith("version https://git-lfs")) return "it is a pointer of Git LFS, not the file itself";
  if (text.startsWith("\x1f\x8b")) return "it is gzip; unpack it first";
  if (text.slice(257, 262) === "ustar") return "it is a tar file (PyTorch before 0.1.10, or an archive)";
  if (text.startsWith("\x89HDF")) return "it is HDF5, such as Keras writes";
  if (/^PK/.test(text)) return "it is a zip file without members at its beginning";
  return "it is neither safetensors nor a file of PyTorch";
}

function openSafetensors(source: ByteSource): Opened {
  const { entries, metadata, dataStart } = readSafetensorsHeader(source);
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const tensors = new Map(entries.map(({ name, shape, dtype }) => [name, { shape, type: dtype }]));
  const read = (name: string): [string, StoredTensor] => {
    const { dtype, shape, begin, end } = byName.get(name)!;
    return [name, { dtype, shape, bytes: source.read(dataStart + begin, end - begin) }];
  };
  return {
    kind: "safetensors",
    tensors,
    unreadable: new Map(),
    metadata,
    read: async (names) => new Map(Array.from(names, read)),
  };
}

async function openTorch(kind: "PyTorch zip" | "PyTorch legacy", source: ByteSource): Promise<Opened> {
  const container = kind === "PyTorch zip" ? await openTorchZip(source) : openTorchLegacy(source);
  const found = namedTensors(container);
  const unreadable = new Map(Array.from(found.unreadable, ([name, { reason }]) => [name, reason]));
  return {
    kind,
    tensors: found.tensors,
    unreadable,
    metadata: {},
    read: (names) => readTensors(container, found, names),
  };
}

async function refusing<T>(path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    throw refusal(path, cause);
  }
}

function refusal(path: string, cause: unknown): unknown {
  const opening = `read ${displayName(path)}: ${(cause as Error).message}`;
  if (cause instanceof UnsafeError) {
    const advice = "nothing of it was run; ask its author for a state_dict of plain tensors, or for safetensors";
    return new SelfsightError("unsafe", `${opening}; ${advice}`, { cause });
  }
  if (cause instanceof FormatError)
    return new SelfsightError("checkpoint", `${opening}; a whole file of weights is needed; use another copy`, {
      cause,
    });
  if (cause instanceof SelfsightError || !("code" in (cause as Error))) return cause;
  return new SelfsightError("checkpoint", `${opening}; a readable file of weights is needed; check the path`, {
    cause,
  });
}
