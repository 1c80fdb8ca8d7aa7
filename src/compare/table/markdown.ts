import type { Sheet } from "./sheet.ts";

/** Sheets as Markdown, one under the other. */
export const markdownOf = (sheets: readonly Sheet[]): string => `${sheets.map(sheetText).join("\n\n")}\n`;

function sheetText({ title, lead, headings, rows, foot }: Sheet, place: number): string {
  const rule = headings.map(() => "---");
  const lines = [headings, rule, ...rows].map((cells) => `| ${cells.map(escaped).join(" | ")} |`);
  const heading = `${place === 0 ? "#" : "##"} ${escaped(title)}`;
  return [heading, ...lead.map(escaped), lines.join("\n"), foot.map(escaped).join("\n")].filter(Boolean).join("\n\n");
}

/** Labels and messages are anybody's text: nothing in them may end a cell or become markup. */
const escaped = (text: string): string =>
  text
    .replace(/[\r\n\t]+/g, " ")
    .replace(/[\\`*_[\]<>|&#]/g, (character) =>
      character === "<" ? "&lt;" : character === "&" ? "&amp;" : `\\${character}`,
    );

/** The same for a terminal: columns of equal width, no escapes. */
export function terminalText({ headings, rows }: Pick<Sheet, "headings" | "rows">): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  return [line(headings), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)].join("\n");
}
