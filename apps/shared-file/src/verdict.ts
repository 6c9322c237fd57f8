import { found } from "@lock/demo-kit";
import { nameOf } from "./messages.ts";
import { NO_FENCE } from "./shared-file.ts";

export interface Line {
  readonly text: string;
  readonly number: number;
  readonly writer: string;
  /** Undefined when it was written without the lock. */
  readonly fence: number | undefined;
  /** Its number was given before, or is smaller than one before it. */
  readonly isMisnumbered: boolean;
}

export interface Expected {
  readonly writers: number;
  readonly turns: number;
  /** Whether every line must have a fencing token. */
  readonly lock: boolean;
}

export interface Verdict {
  readonly lines: readonly Line[];
  /** What is wrong with the file, in words; empty when nothing is. */
  readonly damage: readonly string[];
}

/** Judges the file by nothing but its text. */
export function judge(text: string, expected: Expected): Verdict {
  const lines = parse(text);
  const checks = [malformed(lines), ...numbering(lines, expected), ...turns(lines, expected)];
  if (expected.lock) checks.push(fences(lines));
  return { lines, damage: checks.filter((found) => found !== undefined) };
}

function parse(text: string): Line[] {
  const texts = text.split("\n");
  if (texts.at(-1) === "") texts.pop();
  let highest = 0;
  return texts.map((line) => {
    const [, digits, writer = "", fence = NO_FENCE] = /^(\d+) (writer-\d+) (\d+|-)$/.exec(line) ?? [];
    const number = digits === undefined ? Number.NaN : Number(digits);
    const isMisnumbered = !(number > highest);
    if (!isMisnumbered) highest = number;
    return {
      text: line,
      number,
      writer,
      fence: fence === NO_FENCE ? undefined : Number(fence),
      isMisnumbered,
    };
  });
}

function malformed(lines: readonly Line[]): string | undefined {
  return found(lines.filter((line) => !isReadable(line)).length, "line", "that cannot be read");
}

function isReadable({ number }: Line): boolean {
  return !Number.isNaN(number);
}

function numbering(lines: readonly Line[], { writers, turns }: Expected): (string | undefined)[] {
  const total = writers * turns;
  const given = new Map<number, number>();
  for (const { number } of lines.filter(isReadable)) given.set(number, (given.get(number) ?? 0) + 1);
  const missing = Array.from({ length: total }, (_, index) => index + 1).filter(
    (number) => !given.has(number),
  );
  const repeated = [...given].filter(([, times]) => times > 1).map(([number]) => number);
  const stray = lines.filter((line) => line.number < 1 || line.number > total);
  const steps = lines.slice(1).filter((line, index) => line.number < (lines[index]?.number ?? 0));
  return [
    lines.length === total ? undefined : `the file has ${lines.length} lines instead of ${total}`,
    found(repeated.length, "number", `given more than once: ${some(repeated)}`),
    found(missing.length, "number", `of 1 to ${total} missing: ${some(missing)}`),
    found(stray.length, "number", `outside of 1 to ${total}`),
    found(steps.length, "line", "out of order: the number is smaller than the one before"),
  ];
}

function turns(lines: readonly Line[], expected: Expected): (string | undefined)[] {
  return Array.from({ length: expected.writers }, (_, index) => {
    const name = nameOf(index + 1);
    const written = lines.filter((line) => line.writer === name).length;
    return written === expected.turns
      ? undefined
      : `${name} has ${written} lines instead of ${expected.turns}`;
  });
}

function fences(lines: readonly Line[]): string | undefined {
  const wrong = lines.filter(({ fence }, index) => {
    const before = index === 0 ? 0 : (lines[index - 1]?.fence ?? Number.POSITIVE_INFINITY);
    return fence === undefined || fence <= before;
  });
  return found(wrong.length, "line", "whose fencing token does not grow");
}

function some(numbers: readonly number[]): string {
  const most = 8;
  return numbers.length > most ? `${numbers.slice(0, most).join(", ")}, …` : numbers.join(", ");
}
