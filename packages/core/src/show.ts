import { inspect } from "node:util";

const LONGEST = 80;

/** A wrong value as an error message shows it: escaped for the terminal, and short. */
export function show(value: unknown): string {
  const text = inspect(value, { depth: 1, maxStringLength: LONGEST, breakLength: Number.POSITIVE_INFINITY });
  return text.length > LONGEST + 20 ? `${text.slice(0, LONGEST)}…` : text;
}
