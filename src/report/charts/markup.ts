/** Text that stands in a page as it is; everything else is escaped on its way in. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Piece = Markup | string | number | undefined | readonly Piece[];

/** Markup from a template: strings and numbers are escaped, markup is taken as it is, lists are joined, undefined is nothing. */
export const html = (literals: TemplateStringsArray, ...pieces: readonly Piece[]): Markup =>
  new Markup(literals.map((literal, i) => literal + textOf(pieces[i])).join(""));

function textOf(piece: Piece): string {
  if (piece === undefined) return "";
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === "object") return piece.map(textOf).join("");
  return escaped(String(piece));
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Safe between tags and inside quoted attributes. */
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character]!);
