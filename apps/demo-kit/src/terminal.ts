import pc from "picocolors";
import { fit, reflow } from "./fit.ts";

/** Colours on a terminal only; https://no-color.org turns them off, FORCE_COLOR turns them on. */
function wantsColours({ env, stdout } = process): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0";
  return stdout.isTTY === true && env.TERM !== "dumb";
}

// picocolors by itself also colours on CI machines, where most logs show the escape codes as they are.
export const colours = pc.createColors(wantsColours());

export type Paint = (text: string) => string;

// No red: it means damage.
const PALETTE: readonly Paint[] = [
  colours.cyan,
  colours.yellow,
  colours.magenta,
  colours.green,
  colours.blueBright,
  colours.white,
];

/** The colour of the process with this number, counted from 1. */
export function paintOf(number: number): Paint {
  return PALETTE[(number - 1) % PALETTE.length] ?? String;
}

/**
 * Text that we did not write, such as an argument or the output of a process, as one line for the terminal: what
 * could move the cursor, change colours or reverse the direction of writing becomes visible instead.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => {
    return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** User text within a sentence: quoted, escaped, and cut when it is long. */
export function quoted(text: string): string {
  const most = 60;
  return `"${printable(text.length > most ? `${text.slice(0, most)}…` : text)}"`;
}

/** Lines that are too long for the terminal are broken between words. */
export function print(text = ""): void {
  process.stdout.write(`${fit(text)}\n`);
}

/** Prints a line that people copy or search, such as one of a log: it stays one line. */
export function printWhole(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints paragraphs, broken for the terminal wherever they were broken before. */
export function printProse(text: string): void {
  print(reflow(text));
}

export function printError(message: string): void {
  process.stderr.write(`${fit(`${colours.red("✗")} ${message}`)}\n`);
}
