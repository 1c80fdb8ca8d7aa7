/** Which of N things belong together: those that are linked, and those linked with them. */
export class Links {
  readonly #parents: Int32Array; // [N]

  constructor(count: number) {
    this.#parents = Int32Array.from({ length: count }, (_, i) => i);
  }

  link(a: number, b: number): void {
    const [low, high] = [this.#rootOf(a), this.#rootOf(b)].sort((x, y) => x - y) as [number, number];
    this.#parents[high] = low;
  }

  /** Groups of two and more, each in ascending order, by their first. */
  groups(): number[][] {
    const groups = new Map<number, number[]>();
    this.#parents.forEach((_, i) => {
      const root = this.#rootOf(i);
      const own = groups.get(root);
      if (own) own.push(i);
      else groups.set(root, [i]);
    });
    return [...groups.values()].filter(({ length }) => length > 1);
  }

  #rootOf(i: number): number {
    let root = i;
    while (this.#parents[root] !== root) root = this.#parents[root]!;
    for (let at = i; at !== root; ) [at, this.#parents[at]] = [this.#parents[at]!, root]; // the next way is short
    return root;
  }
}
