import { inspect } from "node:util";

const LONGEST = 80;

const CREDENTIALS = /(\w+:\/\/)[^\s/@]*@/g;

/** Text without the username and password of any address in it. */
export function redacted(text: string): string {
  return text.replace(CREDENTIALS, "$1***@");
}

/** A wrong value as an error message shows it: escaped for the terminal, short, and without credentials. */
export function show(value: unknown): string {
  const seen = inspect(value, { depth: 1, maxStringLength: LONGEST, breakLength: Number.POSITIVE_INFINITY });
  const text = redacted(seen);
  return text.length > LONGEST + 20 ? `${text.slice(0, LONGEST)}…` : text;
}
