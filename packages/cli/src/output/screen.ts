import { once } from "node:events";
import pc from "picocolors";
import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";

const LEAST_COLUMNS = 40;

/** Colours on a terminal only; https://no-color.org turns them off. */
const wantsColours = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb";

export const colours = pc.createColors(wantsColours);

/** How many columns a line may have: `COLUMNS`, else those of the terminal; undefined where there is neither. */
export function columnsOf(): number | undefined {
  const asked = /^\d{1,4}$/.test(process.env.COLUMNS ?? "") ? Number(process.env.COLUMNS) : 0;
  const columns = asked || process.stdout.columns;
  return columns ? Math.max(LEAST_COLUMNS, columns) : undefined;
}

/** Breaks lines that are too long for the terminal; the next ones are indented as the first, and by two more. */
export function wrapped(line: string): string {
  const columns = columnsOf();
  if (columns === undefined || stringWidth(line) <= columns) return line;
  const [indent = ""] = /^ */.exec(line) ?? [];
  const rest = wrapAnsi(line.slice(indent.length), columns - indent.length - 2, { hard: true, trim: false });
  return indent + rest.replaceAll("\n", `\n${indent}  `);
}

/** Writes a line, and waits where the reader is slower. */
export async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
}

/** Prints lines that may be broken to fit. */
export function printWrapped(lines: readonly string[]): Promise<void> {
  return print(lines.map(wrapped).join("\n"));
}
