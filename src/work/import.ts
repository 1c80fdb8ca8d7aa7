// Other people's weights, made a file that every command here opens.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cacheFolder } from "../../setup/cache.mjs";
import { type Normalization, normalizations } from "../augment/index.ts";
import { digestFault, digestOf, fetchFile, type OnProgress } from "../data/index.ts";
import { didYouMean, displayName, SelfsightError } from "../errors.ts";
import { untrainedBackbone } from "../evaluate/index.ts";
import { storageError, writeFileDurably } from "../files.ts";
import { freeNetwork, stateOf } from "../nn/index.ts";
import { refuseUnfit } from "../train/index.ts";
import { version } from "../version.ts";
import { type CatalogueEntry, catalogue, swavNormalization } from "../weights/catalogue.ts";
import { fittedTensors, type LoadTable, loadTable, type Recognized, recognize, refusePart } from "../weights/fit.ts";
import { openWeightsFile, type WeightsFile } from "../weights/formats/weights-file.ts";
import { type BackboneDescription, describeWeights, encodeSafetensors } from "../weights/index.ts";
import { askedOfImport } from "./asked.ts";

export type { CatalogueEntry, LoadTable };

/** How pictures are normalised, by name; `half` is (x - 0.5) / 0.5, `none` leaves values in [0, 1]. */
export type NormalizationName = "imagenet" | "swav" | "half" | "cifar10" | "none";

export interface ImportOptions {
  /** The safetensors file that is written. */
  out: string;
  /** Which trunk, where the file has several: `teacher`, `encoder_k`. Default: the one that is trained, of DINO the teacher. */
  take?: string | undefined;
  /** Takes what fits where not all does; the rest is as in an untrained network. Default false. */
  partial?: boolean | undefined;
  /** How its pictures are normalised. Default: as the catalogue, a file beside it or the family's programs have it. */
  normalization?: NormalizationName | undefined;
  /** Side of its pictures in pixels. Default: 224; 32 with first layers for small pictures; of transformers that of its positions. */
  size?: number | undefined;
  /** First digits of the file's SHA-256, or all: another file is refused. */
  sha256?: string | undefined;
  /** Told how much of a download has come. */
  onProgress?: OnProgress | undefined;
}

/** What was imported, and how it fits. */
export interface ImportReport extends BackboneDescription {
  out: string;
  bytes: number;
  /** The file that was read, and its SHA-256. */
  source: string;
  sha256: string;
  /** Whose checkpoint it is: `MoCo v2`. */
  layout: string;
  /** As the catalogue has it; null for what is not in it. */
  licence: string | null;
  /** The trunk that was taken, and the others that `take` would take. */
  taken: string;
  others: string[];
  /** Where the normalisation is known from. */
  normalizationFrom: string;
  table: LoadTable;
  /** Tensors of the file that belong to no trunk, or to another, by part. */
  leftOut: Readonly<Record<string, number>>;
  /** What a user should know: untrained tensors, differences from the network that it was. */
  notes: string[];
}

/**
 * Makes a file of weights that every command opens, out of a safetensors file or a PyTorch checkpoint (a path, an address, or a name of
 * `listCatalogue`). Nothing in the file is run.
 *
 * @throws SelfsightError "unsafe" for a pickle that asks for code; "checkpoint" for a damaged or foreign file and for one of which only a
 * part fits; "configuration" where a choice must be made; "data" where a download fails; "storage".
 */
export async function importWeights(source: string, options: ImportOptions): Promise<ImportReport> {
  refuseUnfit("import", askedOfImport, { source, ...options });
  const { path, entry } = await located(source, options);
  const sha256 = await checkedDigest(path, options.sha256);
  const file = await openWeightsFile(path);
  try {
    return await importFrom(file, { path, source, entry, sha256 }, options);
  } finally {
    file.close();
  }
}

/** The networks that can be imported by name. */
export const listCatalogue = (): readonly CatalogueEntry[] => catalogue;

interface Located {
  path: string;
  entry: CatalogueEntry | undefined;
}

interface Origin extends Located {
  source: string;
  sha256: string;
}

// ---- where it is ----

async function located(source: string, options: ImportOptions): Promise<Located> {
  if (/^https?:\/\//.test(source)) return { path: await fetched({ url: source }, options), entry: undefined };
  if (statSync(source, { throwIfNoEntry: false })?.isFile()) return { path: source, entry: undefined };
  const entry = catalogue.find(({ name }) => name === source);
  if (entry) return { path: await fetched(entry, options), entry };
  const guess = didYouMean(
    source,
    catalogue.map(({ name }) => name),
  );
  throw new SelfsightError(
    "configuration",
    `import: ${displayName(source)} is no file; a file, an address or a name of \`selfsight import --list\` is needed; check it.${displayName(guess)}`,
  );
}

/** The largest of the catalogue are some gigabytes with their optimizers. */
const maximumBytes = 20 * 1024 ** 3;
const advice =
  "check the connection and give the command again, which goes on where it ended, or fetch the file elsewhere and give its path";

/** The path in the cache; what lies there whole is not fetched again. */
async function fetched(file: Pick<CatalogueEntry, "url" | "md5" | "sha256">, options: ImportOptions): Promise<string> {
  const { pathname } = addressOf(file.url);
  const folder = join(cacheFolder("weights"), createHash("sha256").update(file.url).digest("hex").slice(0, 12));
  const target = join(folder, basename(decodeURIComponent(pathname)).replace(/[^\w.-]/g, "_") || "weights");
  try {
    mkdirSync(folder, { recursive: true });
    if (!existsSync(target)) {
      await fetchFile(file, target, { onProgress: options.onProgress, maximumBytes, advice });
    }
    return target;
  } catch (cause) {
    throw storageError("download", target, cause);
  }
}

function addressOf(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new SelfsightError(
      "configuration",
      `import: ${displayName(text)} is no address; one such as https://host/file.pth is needed; check it`,
    );
  }
}

async function checkedDigest(path: string, wanted: string | undefined): Promise<string> {
  try {
    const fault = await digestFault(path, { sha256: wanted });
    if (fault !== undefined)
      throw new SelfsightError("checkpoint", `import: ${displayName(path)}: ${fault}; use another copy`);
    return await digestOf(path, "sha256");
  } catch (cause) {
    throw storageError("read", path, cause);
  }
}

// ---- what it becomes ----

async function importFrom(file: WeightsFile, origin: Origin, options: ImportOptions): Promise<ImportReport> {
  const { path, entry } = origin;
  refuseOwn(path, file);
  const found = recognize(path, file, options.take);
  const { normalization, from } = normalizationOf(origin, file, found, options);
  refuseOtherSize(path, found, options.size);
  const description = { ...found.shape, ...(options.size !== undefined && { size: options.size }), normalization };
  const network = untrainedBackbone({ ...found.shape, zeroInitResidual: false, seed: 0 });
  try {
    const own = stateOf(network);
    const table = loadTable(found, file, own);
    refusePart(path, table, options.partial === true);
    const weights = await fittedTensors(path, file, found, table, own);
    const facts = {
      source: entry?.url ?? displayName(basename(path)),
      sha256: origin.sha256,
      layout: found.family.layout,
      licence: entry?.licence ?? null,
      taken: found.trunk.name,
      others: found.others,
      normalizationFrom: from,
    };
    const bytes = write(options.out, { ...description, weights }, facts, table);
    const { leftOut } = found;
    return { out: options.out, bytes, ...description, ...facts, table, leftOut, notes: notesOn(found, table) };
  } finally {
    freeNetwork(network);
  }
}

/** Our own files say more than shapes can tell. */
function refuseOwn(path: string, { metadata }: WeightsFile): void {
  if (metadata.backbone === undefined || metadata.stem === undefined) return;
  throw new SelfsightError(
    "configuration",
    `import: ${displayName(path)} is a file of Selfsight's; one of another program is needed; give this one to \`embed\`, \`evaluate\` or \`pretrain --from\` as it is`,
  );
}

function notesOn({ family, shape }: Recognized, table: LoadTable): string[] {
  const untrained = untrainedIn(table);
  return [
    ...(untrained ? [`${untrained} are those of an untrained network`] : []),
    ...(family.layout === "solo-learn" && shape.stem === "small"
      ? ["solo-learn pads the first convolution by 2, this network by 1; features differ at the borders"]
      : []),
  ];
}

/** `5 of 317 tensors`, or nothing. */
function untrainedIn({ loaded, missing, shape }: LoadTable): string | undefined {
  const untrained = missing.length + shape.length;
  return untrained > 0 ? `${untrained} of ${loaded.length + untrained} tensors` : undefined;
}

/** A transformer's positions are for one size; whoever opens it at another has them resized. */
function refuseOtherSize(path: string, { trunk, shape }: Recognized, size: number | undefined): void {
  if (size === undefined || size === shape.size || trunk.naming.kind === "residual") return;
  throw new SelfsightError(
    "configuration",
    `import: ${displayName(path)}: --size ${size}; its positions are for ${shape.size} pixels; leave --size out, and give it to \`embed\` or \`evaluate\`, which resize them`,
  );
}

function write(
  out: string,
  weights: Parameters<typeof describeWeights>[0],
  {
    others: _,
    licence,
    ...facts
  }: Pick<ImportReport, "source" | "sha256" | "layout" | "licence" | "taken" | "others" | "normalizationFrom">,
  table: LoadTable,
): number {
  const untrained = untrainedIn(table);
  const chunks = encodeSafetensors(
    describeWeights(weights, {
      ...facts,
      ...(licence !== null && { licence }),
      ...(untrained && { untrained }),
      selfsight: version,
    }),
  );
  writeFileDurably(out, chunks);
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

// ---- how its pictures look ----

const { imagenet, cifar10 } = normalizations;
const named: Readonly<Record<NormalizationName, { mean: readonly number[]; std: readonly number[] }>> = {
  imagenet,
  cifar10,
  swav: swavNormalization,
  half: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  none: { mean: [0, 0, 0], std: [1, 1, 1] },
};

const copyOf = ({ mean, std }: { mean: readonly number[]; std: readonly number[] }) =>
  ({ mean: [...mean], std: [...std] }) as Normalization;

/** Asked for, written in the file, published, beside the file, or the family's. Errors: configuration, where nobody knows. */
function normalizationOf(
  { path, entry }: Origin,
  { metadata }: WeightsFile,
  { family, shape }: Recognized,
  { normalization: asked }: ImportOptions,
): { normalization: Normalization; from: string } {
  if (asked !== undefined) return { normalization: copyOf(named[asked]), from: `asked for (${asked})` };
  const written = normalizationIn(metadata.normalization);
  if (written) return { normalization: written, from: "its own metadata" };
  if (entry) return { normalization: copyOf(entry.normalization), from: "the catalogue" };
  const beside = normalizationBeside(path);
  if (beside) return beside;
  const usual = shape.stem === "small" ? null : family.normalization;
  if (usual !== null)
    return {
      normalization: copyOf(named[usual]),
      from: family.isGuess ? "assumed, as of most" : `usual for ${family.layout}`,
    };
  const which =
    shape.stem === "small" ? "cifar10, imagenet or none" : "half (timm's and Google's) or imagenet (DeiT's, DINO's)";
  throw new SelfsightError(
    "configuration",
    `import: ${displayName(path)} (${family.layout}) does not say how its pictures are normalised; this changes every feature; add --normalization, most likely ${which}`,
  );
}

type Loose = Record<string, unknown> | undefined;

function normalizationIn(text: string | undefined): Normalization | undefined {
  try {
    const { mean, std } = JSON.parse(text ?? "") as { mean: unknown; std: unknown };
    return areChannels(mean) && areChannels(std) ? { mean, std } : undefined;
  } catch {
    return undefined;
  }
}

const areChannels = (value: unknown): value is [number, number, number] =>
  Array.isArray(value) && value.length === 3 && value.every((channel) => typeof channel === "number");

/** Hugging Face and timm put it into a file of settings in the same folder. */
function normalizationBeside(path: string): { normalization: Normalization; from: string } | undefined {
  for (const name of ["preprocessor_config.json", "config.json"]) {
    const settings = settingsIn(join(dirname(path), name));
    const timm = settings?.pretrained_cfg as Loose;
    const mean = settings?.image_mean ?? timm?.mean;
    const std = settings?.image_std ?? timm?.std;
    if (areChannels(mean) && areChannels(std)) return { normalization: { mean, std }, from: `${name} beside it` };
  }
  return undefined;
}

function settingsIn(path: string): Loose {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Loose;
  } catch {
    return undefined;
  }
}
