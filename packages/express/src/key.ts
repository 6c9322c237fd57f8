import { LockUsageError } from "@lock/core";

/** What may stand in a `lockKey` template. An array is what a wildcard of Express 5 matched. */
export type KeySegment = string | number | bigint | boolean | readonly string[] | null | undefined;

/** What separates values, and what encodes them: a value never contains them as they are. */
const RESERVED = /[%:/,]/g;
const SEPARATOR = /[:/]/;

/**
 * A key of several values that no other values can produce: lockKey`order:${tenant}:${id}`. Values are encoded, so
 * that "a:b" and "c" do not become the key of "a" and "b:c". Separate the values by ":" or "/".
 * @throws LockUsageError for a value that is missing or empty, and for values with nothing between them
 */
export function lockKey(texts: TemplateStringsArray, ...segments: readonly KeySegment[]): string {
  return texts.reduce((key, text, index) => {
    if (index > 1 && index <= segments.length && !SEPARATOR.test(texts[index - 1] ?? "")) {
      throw new LockUsageError(`separate the values of a key by ":" or "/": ${JSON.stringify(texts)}`);
    }
    return key + encode(segments[index - 1], index) + text;
  });
}

function encode(segment: KeySegment, index: number): string {
  const parts: readonly unknown[] = Array.isArray(segment) ? segment : [segment];
  // Nothing, or something that has no text of its own.
  if (!parts.length || parts.some((part) => part === "" || part == null || part === Object(part))) {
    throw new LockUsageError(
      `value ${index} of the key must be a text, a number or a list of texts, and not empty`,
    );
  }
  return parts.map((part) => String(part).replace(RESERVED, percent)).join(",");
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16)}`;
}
