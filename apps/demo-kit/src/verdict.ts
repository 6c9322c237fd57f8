import { colours, print } from "./terminal.ts";

const MARKS = {
  good: [colours.green, "✓"],
  /** Nothing went wrong, and nothing prevented it. */
  lucky: [colours.yellow, "○"],
  bad: [colours.red, "✗"],
} as const;

export function sayVerdict(kind: keyof typeof MARKS, text: string): void {
  const [paint, symbol] = MARKS[kind];
  print(`\n${paint(colours.bold(`${symbol} Verdict:`))} ${text}`);
}

/** Such as "1 order" and "2 orders". */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** A problem of so many things; undefined when there are none. */
export function found(number: number, what: string, problem: string): string | undefined {
  return number === 0 ? undefined : `${count(number, what)} ${problem}`;
}
