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

const LINE = /@user_script: ?(\d+)/;
const CALL = /redis\.p?call\('(\w+)'/g;

/** What the server said of a script that failed, and, where it named the line, the commands that are called there. */
export function withCommands(said: string, { source }: Script): string {
  const [, line] = LINE.exec(said) ?? [];
  const text = source.split("\n")[Number(line) - 1] ?? "";
  const commands = [...text.matchAll(CALL)].map(([, command]) => command);
  return commands.length === 0 ? said : `${said} (calls ${commands.join(", ")})`;
}

/** Joins parts into one script: later parts may use the local functions of earlier ones. */
export function defineScript(name: string, ...parts: readonly string[]): Script {
  const source = parts.join("\n");
  return { name, source, sha: createHash("sha1").update(source).digest("hex") };
}
