import { createHash } from "node:crypto";

/** A Lua script as a driver runs it. */
export interface Script {
  readonly name: string;
  readonly source: string;
  /** SHA-1 of the source, as EVALSHA names it. */
  readonly sha: string;
  /**
   * What has to succeed, with the same keys, before a server is told the script that did not know it; the script then has
   * one argument more.
   */
  readonly guard?: Script;
}

/** Joins parts into one script: later parts may use the local functions of earlier ones. */
export function defineScript(name: string, ...parts: readonly string[]): Script {
  const source = parts.join("\n");
  return { name, source, sha: createHash("sha1").update(source).digest("hex") };
}
