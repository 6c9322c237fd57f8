import { createHash } from "node:crypto";

/** A Lua script as a driver runs it. */
export interface Script {
  readonly name: string;
  readonly source: string;
  /** SHA-1 of the source, as EVALSHA names it. */
  readonly sha: string;
  /** What is added to the arguments where the server does not know the script. */
  readonly whenUnknown?: readonly string[];
}

/** Joins parts into one script: later parts may use the local functions of earlier ones. */
export function defineScript(name: string, ...parts: readonly string[]): Script {
  const source = parts.join("\n");
  return { name, source, sha: createHash("sha1").update(source).digest("hex") };
}
