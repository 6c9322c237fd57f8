import { inspect } from "node:util";

/**
 * The same object, of which logs and JSON show only `shown`. Its fields are as they were, for clients read and copy them.
 */
export function unlogged<T extends object>(value: T, shown: object = {}): T {
  const tell = { value: () => shown };
  return Object.defineProperties(value, { toJSON: tell, [inspect.custom]: tell });
}
