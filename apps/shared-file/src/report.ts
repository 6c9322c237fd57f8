import { colours, count, paintOf, print, printable, sayVerdict } from "@lock/demo-kit";
import type { Options } from "./options.ts";
import type { Line, Verdict } from "./verdict.ts";

/** A longer file is shown by its beginning and its end. */
const SHOWN_FULLY = 40;
const FIRST = 12;
const LAST = 6;

export function printFile({ lines }: Verdict, lock: boolean): void {
  const fields = lock ? "number, writer, fencing token" : "number, writer, no fencing token";
  print(`\n${colours.bold("The file")} ${colours.dim(`(${fields})`)}\n`);
  const isLong = lines.length > SHOWN_FULLY;
  lines.slice(0, isLong ? FIRST : undefined).forEach(printLine);
  if (!isLong) return;
  print(colours.dim(`      … ${lines.length - FIRST - LAST} more lines …`));
  lines.slice(-LAST).forEach(printLine);
}

function printLine(line: Line): void {
  const [number = "", ...rest] = printable(line.text).split(" ");
  const paint = paintOf(Number(line.writer.split("-")[1] ?? 1));
  const mark = line.isMisnumbered ? colours.red("  ✗ should be higher") : "";
  print(`  ${number.padStart(4)}  ${paint(rest.join("  "))}${mark}`);
}

/** Prints what was found; returns the exit code. */
export function printVerdict({ lines, damage }: Verdict, { lock, writers, turns }: Options): number {
  const good = damage.length === 0;
  if (good && lock) {
    const total = lines.length;
    sayVerdict("good", `good: ${total} lines, numbered 1 to ${total} without a gap or a repeat.`);
    print(
      `  ${count(writers, "writer")} wrote ${count(turns, "line")} each. Every fencing token is larger than the last.`,
    );
    print(colours.dim("\n  What happens without the lock: pnpm demo shared-file --no-lock"));
    return 0;
  }
  if (good) {
    sayVerdict("lucky", "no damage this time. Nothing prevented it: run it again, or with more writers.");
    return 0;
  }
  const wrong = lines.filter((line) => line.isMisnumbered).length;
  const why = lock ? "although the lock was used" : "as nothing kept the writers apart";
  sayVerdict("bad", `DAMAGED, ${why}: ${wrong} of ${lines.length} lines have a wrong number.`);
  for (const problem of damage) print(`  ${colours.red("•")} ${problem}`);
  return lock ? 1 : 0;
}
