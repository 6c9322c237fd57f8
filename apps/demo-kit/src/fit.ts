import { stripVTControlCharacters } from "node:util";
import sliceAnsi from "slice-ansi";
import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";

const USUAL_COLUMNS = 80;
/** A narrower terminal breaks lines itself; wider lines than that are hard to read. */
const LIMITS = { least: 40, most: 100 };

/** How many columns a line may have: `COLUMNS`, else those of the terminal, else 80. */
export function columnsOf(
  env: Readonly<Record<string, string | undefined>> = process.env,
  terminal: number | undefined = process.stdout.columns,
): number {
  const asked = /^\d{1,4}$/.test(env.COLUMNS ?? "") ? Number(env.COLUMNS) : 0;
  // Some pseudo terminals say 0 when they do not know.
  const columns = asked || terminal || USUAL_COLUMNS;
  return Math.min(LIMITS.most, Math.max(LIMITS.least, columns));
}

/**
 * Breaks lines that are too long between words; the next line begins below the text of the first one. A word that is
 * longer than a line stays whole, so that a path can be copied.
 */
export function fit(text: string, columns = columnsOf()): string {
  return text
    .split("\n")
    .map((line) => fitLine(line, columns))
    .join("\n");
}

function fitLine(line: string, columns: number): string {
  if (stringWidth(line) <= columns) return line;
  const indent = indentOf(stripVTControlCharacters(line), columns / 2);
  const rest = wrapAnsi(sliceAnsi(line, indent), columns - indent, { hard: false });
  return sliceAnsi(line, 0, indent) + rest.replaceAll("\n", `\n${" ".repeat(indent)}`);
}

/** Where the text of a line begins: after its cells, which end with two spaces, or after its bullet. */
function indentOf(line: string, most: number): number {
  const cells = [...line.matchAll(/\S {2,}(?=\S)/g)].map(({ 0: gap, index }) => {
    return stringWidth(line.slice(0, index + gap.length));
  });
  const [start = ""] = /^ *(?:[•✗✓○●] )?/.exec(line) ?? [];
  return Math.max(stringWidth(start), ...cells.filter((cell) => cell <= most));
}

/** Joins the lines of each paragraph, and an option with its further lines, which are indented by 8 or more. */
export function reflow(text: string): string {
  return text.replace(/(?<=^\S.*)\n(?=\S)|(?<=\S)\n {8,}(?=\S)/gm, " ");
}

/** To the width, as shown on a terminal; a negative one aligns to the right. */
export function pad(text: string, width: number): string {
  const gap = " ".repeat(Math.max(0, Math.abs(width) - stringWidth(text)));
  return width < 0 ? gap + text : text + gap;
}
