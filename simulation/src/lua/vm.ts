import type { Reply } from "../redis/reply.ts";

/** What a script reaches: the commands of its server. */
export interface ScriptHost {
  /** @throws CommandError */
  call(words: readonly string[]): Reply;
}

/** Runs Lua scripts as Redis does. All strings are bytes, one character each. */
export interface Vm {
  /** @throws CommandError what the script ends with, where that is an error */
  run(source: string, keys: readonly string[], args: readonly string[], host: ScriptHost): Reply;
}
