import { displayName } from "../../errors.ts";

/** What can be wrong in annotations, and what then becomes of it. */
const issueKinds = {
  "box-not-finite": ["boxes that are not four finite numbers", "left out"],
  "box-inverted": ["boxes whose end lies before their beginning", "left out"],
  "box-empty": ["boxes without width or height", "left out"],
  "box-outside": ["boxes outside of their picture", "left out"],
  "box-over-edge": ["boxes that reach more than a pixel over the edge of their picture", "kept as they are"],
  "no-box": ["entries without box and mask", "left out"],
  "polygon-too-short": ["polygons of fewer than three points", "left out"],
  "polygon-not-finite": ["polygons whose coordinates are not pairs of finite numbers", "left out"],
  "polygon-outside": ["polygons that reach further out than their picture is large", "left out"],
  "mask-length": ["masks whose runs are not as long as their picture", "left out, their boxes kept"],
  "mask-size": ["masks of another size than their picture", "left out, their boxes kept"],
  "mask-unreadable": ["masks that are neither polygons nor run lengths", "left out, their boxes kept"],
  "no-mask": ["objects without a mask", "counted as never found"],
  "unknown-category": ["entries of an unknown category", "left out"],
  "unknown-image": ["entries of an unknown picture", "left out"],
  "duplicate-image": ["pictures listed twice alike", "taken once"],
  "duplicate-annotation": ["annotation ids that come twice", "both kept"],
  "image-without-objects": ["pictures without objects", "kept"],
  "image-missing": ["pictures that are not there", "left out"],
  "image-unreadable": ["pictures whose size cannot be read", "left out"],
  "image-size": ["pictures of another size than their annotation says", "left out"],
  "image-without-annotation": ["pictures without an annotation file", "left out"],
  "class-absent": ["classes without an object in this part", "kept"],
  "class-case": ["class names written in another case", "taken as one class"],
  "file-unreadable": ["annotation files that cannot be read", "left out"],
  "score-not-finite": ["results whose score is not a finite number", "left out"],
} as const satisfies Record<string, readonly [what: string, outcome: string]>;

export type IssueKind = keyof typeof issueKinds;

/** One kind of fault in annotations. */
export interface Issue {
  kind: IssueKind;
  count: number;
  /** What is wrong, as a plural. */
  what: string;
  /** What became of it: `left out`, `kept`, … */
  outcome: string;
  /** The first few, by file and id. */
  first: readonly string[];
}

const mostNamed = 5;

/** Counts faults by kind and remembers the first few places of each. */
export class IssueLog {
  readonly #found = new Map<IssueKind, { count: number; first: string[] }>();

  add(kind: IssueKind, place: string): void {
    const found = this.#found.get(kind) ?? { count: 0, first: [] };
    this.#found.set(kind, found);
    if (++found.count <= mostNamed) found.first.push(displayName(place));
  }

  report(): Issue[] {
    const kinds = Object.keys(issueKinds) as IssueKind[];
    return kinds.flatMap((kind) => {
      const found = this.#found.get(kind);
      const [what, outcome] = issueKinds[kind];
      return found ? [{ kind, count: found.count, what, outcome, first: [...found.first] }] : [];
    });
  }
}

/** Faults as a person reads them: `boxes without width or height: 3, left out (a.json annotation 7, …)`. */
export function describeIssue({ count, what, outcome, first }: Issue): string {
  const more = count > first.length ? ` and ${count - first.length} more` : "";
  return `${what}: ${count}, ${outcome} (${first.join(", ")}${more})`;
}
