import { LockUsageError } from "../contract/errors.ts";
import { show } from "../contract/show.ts";

/**
 * A test for keys: `*` stands for any characters, all else is literal. It runs here and not on the server, so
 * that user text never becomes a pattern there. Linear in the key's length, whatever the pattern.
 * @throws LockUsageError
 */
export function matcher(match: unknown): (key: string) => boolean {
  if (typeof match !== "string" || match.length === 0) {
    throw new LockUsageError(
      `match must be a non-empty string in which * stands for any characters, got ${show(match)}`,
    );
  }
  const [first = "", ...others] = match.split("*");
  const last = others.pop();
  if (last === undefined) return (key) => key === match;
  return (key) => {
    if (key.length < first.length + last.length || !key.startsWith(first) || !key.endsWith(last))
      return false;
    let from = first.length;
    const to = key.length - last.length;
    for (const part of others) {
      const at = key.indexOf(part, from);
      if (at < 0 || at + part.length > to) return false;
      from = at + part.length;
    }
    return true;
  };
}
