// Whose checkpoint a file is, read from its names; and how that family normalises pictures.
import type { FoundTrunk } from "./trunks.ts";

/** A family's usual way with pictures; null where its networks differ among themselves. */
export type UsualNormalization = "imagenet" | "swav" | null;

export interface Family {
  /** As people call it: `MoCo v2`. */
  layout: string;
  normalization: UsualNormalization;
  /** No program is recognised, only names that several have. */
  isGuess?: boolean;
}

interface Clues extends FoundTrunk {
  /** All names of the file. */
  names: ReadonlyMap<string, unknown>;
  /** Whether a name stands below what holds the trunk: for `module.encoder_q.` below `module.`. */
  hasBeside(pattern: RegExp): boolean;
  /** Whether one stands below the trunk's own prefix. */
  hasBelow(pattern: RegExp): boolean;
}

interface Rule extends Family {
  fits(clues: Clues): boolean;
}

const rule = (layout: string, fits: Rule["fits"], normalization: UsualNormalization = "imagenet"): Rule => ({
  layout,
  fits,
  normalization,
});

/** The first that fits holds. */
const rules: readonly Rule[] = [
  rule("MoCo v3", ({ prefix }) => /(base|momentum)_encoder\.$/.test(prefix)),
  rule("MoCo v2", ({ prefix, hasBeside }) => /encoder_[qk]\.$/.test(prefix) && hasBeside(/^encoder_[qk]\.fc\.\d/)),
  rule("MoCo v1", ({ prefix }) => /encoder_[qk]\.$/.test(prefix)),
  rule("SwAV", ({ hasBelow, hasBeside }) => hasBelow(/^prototypes\b/) || hasBeside(/^prototypes\b/), "swav"),
  rule("SimSiam", ({ prefix, hasBeside }) => /(^|\.)encoder\.$/.test(prefix) && hasBeside(/^predictor\.\d+\./)),
  rule("VISSL", ({ prefix }) => /_feature_blocks\.$/.test(prefix)),
  rule("DINO", ({ prefix, names }) => /(^|\.)(student|teacher)\./.test(prefix) && anyOf(names, /\.head\.last_layer\./)),
  rule(
    "BYOL",
    ({ prefix }) => /(online|target)(_encoder|_network|_net)?\./.test(prefix) || /(online|target)_network/.test(prefix),
  ),
  rule("Barlow Twins", ({ prefix, hasBeside }) => /(^|\.)backbone\.$/.test(prefix) && hasBeside(/^bn\.running_mean$/)),
  rule(
    "solo-learn",
    ({ prefix, naming, hasBeside }) =>
      /^state_dict\.(momentum_)?(backbone|encoder)\.$/.test(prefix) &&
      !/by number/.test(naming.whose) &&
      hasBeside(/^(classifier|projector|momentum_projector)\./),
  ),
  rule(
    "LightlySSL",
    ({ naming, hasBeside }) =>
      /by number/.test(naming.whose) && hasBeside(/^(projection|prediction)_head|^projection_head/),
  ),
  rule("VICReg", ({ prefix, hasBeside }) => /(^|\.)backbone\.$/.test(prefix) && hasBeside(/^projector\./)),
  rule("Hugging Face", ({ naming }) => naming.whose === "Hugging Face" && naming.kind === "residual"),
  rule("Hugging Face", ({ naming }) => naming.whose === "Hugging Face", null),
  rule("torchvision", ({ naming, hasBelow }) => naming.whose === "torchvision" && hasBelow(/^(fc|heads)\./)),
  rule("timm", ({ naming, hasBelow }) => naming.whose === "timm" && hasBelow(/^head\./), null),
];

const anyOf = (names: ReadonlyMap<string, unknown>, pattern: RegExp): boolean =>
  [...names.keys()].some((name) => pattern.test(name));

/** The family of a trunk; by the names of its tensors alone where nothing else tells. */
export function familyOf(trunk: FoundTrunk, names: ReadonlyMap<string, unknown>): Family {
  const below = (prefix: string) => (pattern: RegExp) =>
    [...names.keys()].some((name) => name.startsWith(prefix) && pattern.test(name.slice(prefix.length)));
  const holder = trunk.prefix.replace(/[^.]+\.$/, "");
  const clues = { ...trunk, names, hasBelow: below(trunk.prefix), hasBeside: below(holder) };
  const found = rules.find(({ fits }) => fits(clues));
  return found ?? { layout: `names of ${trunk.naming.whose}`, normalization: "imagenet", isGuess: true };
}
