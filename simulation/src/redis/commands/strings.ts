import { integer } from "../numbers.ts";
import { CommandError, OK, type Reply } from "../reply.ts";
import { type CommandTable, type Scope, SYNTAX } from "./types.ts";

export const stringCommands: CommandTable = {
  GET: { arity: 2, keys: [0, 0], run: ({ keys }, [key = ""]) => keys.find(key, "string")?.text ?? null },
  SET: { arity: -3, writes: "may grow", keys: [0, 0], run: set },
};

interface SetOptions {
  condition?: "NX" | "XX";
  expiry?: { readonly unit: string; readonly text: string } | "KEEPTTL";
  returnsOld: boolean;
}

function readOptions(words: readonly string[]): SetOptions {
  const options: SetOptions = { returnsOld: false };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]?.toUpperCase() ?? "";
    if (!take(options, word, words[i + 1])) throw new CommandError(SYNTAX);
    if (UNITS.includes(word)) i += 1;
  }
  return options;
}

const UNITS = ["EX", "PX", "EXAT", "PXAT"];

/** Whether an option may stand here. */
function take(options: SetOptions, word: string, next: string | undefined): boolean {
  if (UNITS.includes(word)) {
    if (options.expiry !== undefined || next === undefined) return false;
    options.expiry = { unit: word, text: next };
    return true;
  }
  if (word === "KEEPTTL") {
    if (typeof options.expiry === "object") return false;
    options.expiry = word;
    return true;
  }
  if (word === "NX" || word === "XX") {
    if ((options.condition ?? word) !== word) return false;
    options.condition = word;
    return true;
  }
  options.returnsOld ||= word === "GET";
  return word === "GET";
}

const INVALID = "ERR invalid expire time in 'set' command";

function expiryOf({ keys }: Scope, { unit, text }: { unit: string; text: string }): number {
  const count = integer(text);
  const ms = unit.startsWith("EX") ? count * 1_000 : count;
  const at = unit.endsWith("AT") ? ms : ms + keys.now;
  // In floating numbers, the largest one that is allowed is 2^63 itself.
  if (count <= 0 || ms > 2 ** 63 || at > 2 ** 63) throw new CommandError(INVALID);
  return at;
}

function set(scope: Scope, [key = "", text = "", ...words]: readonly string[]): Reply {
  const { keys } = scope;
  const { condition, expiry, returnsOld } = readOptions(words);
  const at = typeof expiry === "object" ? expiryOf(scope, expiry) : undefined;
  const old = returnsOld ? (keys.find(key, "string")?.text ?? null) : null;
  const isThere = keys.has(key);
  const isRefused = (condition === "NX" && isThere) || (condition === "XX" && !isThere);
  if (isRefused) return old;
  keys.setString(key, text, expiry === "KEEPTTL" ? keys.expiryOf(key) : at);
  return returnsOld ? old : OK;
}
