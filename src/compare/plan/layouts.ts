// The large sets of the papers, found by their folders below SELFSIGHT_DATA.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { SelfsightError } from "../../errors.ts";
import type { Plan } from "./plan.ts";

interface Layout {
  title: string;
  /** Names of its folder. */
  folders: readonly string[];
  /** What lies in it. */
  holds: readonly string[];
  /** What of it is opened, where that is not the folder itself. */
  opens?: string;
}

const layouts = {
  imagenet: {
    title: "ImageNet (ILSVRC 2012)",
    folders: ["imagenet", "ImageNet", "ILSVRC2012", "ILSVRC/Data/CLS-LOC"],
    holds: ["train", "val"],
  },
  places205: { title: "Places-205", folders: ["places205", "Places205"], holds: ["train", "val"] },
  inat18: { title: "iNaturalist 2018", folders: ["inat18", "iNat18", "inaturalist2018"], holds: ["train", "val"] },
  voc07: {
    title: "VOC 2007",
    folders: ["voc07", "VOCdevkit/VOC2007", "VOC2007"],
    holds: ["Annotations", "JPEGImages", "ImageSets/Main/trainval.txt", "ImageSets/Main/test.txt"],
  },
  "voc07+12": {
    title: "VOC 2007 and 2012",
    folders: ["voc07+12", "VOCdevkit"],
    opens: "07+12",
    holds: [
      "VOC2007/ImageSets/Main/trainval.txt",
      "VOC2007/ImageSets/Main/test.txt",
      "VOC2012/ImageSets/Main/trainval.txt",
    ],
  },
  coco2017: {
    title: "COCO 2017",
    folders: ["coco2017", "coco", "COCO"],
    holds: ["train2017", "val2017", "annotations/instances_train2017.json", "annotations/instances_val2017.json"],
  },
} as const satisfies Record<string, Layout>;

const isLayout = (name: string): name is keyof typeof layouts => Object.hasOwn(layouts, name);

/** A set that a plan needs, and where it is on this machine. */
export interface NeededSet {
  name: string;
  title: string;
  /** Null: it is not here. */
  path: string | null;
  /** What would have to lie where. */
  needed: string;
}

/** The papers' sets that a plan names, each once. */
export function neededSets({ data, measurements }: Pick<Plan, "data" | "measurements">): NeededSet[] {
  const named = [data, ...measurements.map((own) => own.data ?? [])].flat();
  return [...new Set(named)].filter(isLayout).map((name) => ({
    name,
    title: layouts[name].title,
    path: pathOf(layouts[name]),
    needed: `a folder ${layouts[name].folders.join(" or ")} with ${layouts[name].holds.join(", ")}`,
  }));
}

function pathOf({ folders, holds, opens = "" }: Layout): string | null {
  const roots = (process.env.SELFSIGHT_DATA ?? "").split(delimiter).filter(Boolean);
  const places = roots.flatMap((root) => folders.map((folder) => join(root, folder)));
  const found = places.find((place) => holds.every((entry) => existsSync(join(place, entry))));
  return found === undefined ? null : join(found, opens);
}

/** The plan with paths in place of names. Errors: data, naming every set that is not here and what it must look like. */
export function withFoundSets(plan: Plan): Plan {
  const sets = neededSets(plan);
  const missing = sets.filter(({ path }) => path === null);
  if (missing.length > 0)
    throw new SelfsightError(
      "data",
      `plan ${plan.title}: ${missing.map(({ title }) => title).join(", ")} ${missing.length === 1 ? "is" : "are"} not on this machine; below SELFSIGHT_DATA ${missing.map(({ needed }) => needed).join("; ")} is needed; set SELFSIGHT_DATA to where they are`,
    );
  const found = new Map(sets.map(({ name, path }) => [name, path!]));
  const at = (name: string) => found.get(name) ?? name;
  return {
    ...plan,
    data: typeof plan.data === "string" ? at(plan.data) : plan.data.map(at),
    measurements: plan.measurements.map((own) => (own.data === undefined ? own : { ...own, data: at(own.data) })),
  };
}
