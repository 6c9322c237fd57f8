import { integer } from "../numbers.ts";
import { CommandError } from "../reply.ts";
import { type CommandTable, type Scope, SYNTAX } from "./types.ts";

const LONGEST = 2 ** 63;

export const keyCommands: CommandTable = {
  DEL: {
    arity: -2,
    writes: "frees",
    keys: [0, -1],
    run: ({ keys }, names) => names.filter((name) => keys.delete(name)).length,
  },
  EXISTS: {
    arity: -2,
    keys: [0, -1],
    run: ({ keys }, names) => names.filter((name) => keys.has(name)).length,
  },
  TYPE: { arity: 2, keys: [0, 0], run: ({ keys }, [key = ""]) => ({ ok: keys.typeOf(key) ?? "none" }) },
  PTTL: {
    arity: 2,
    keys: [0, 0],
    run({ keys }, [key = ""]) {
      if (!keys.has(key)) return -2;
      const at = keys.expiryOf(key);
      return at === undefined ? -1 : Math.max(0, at - keys.now);
    },
  },
  PEXPIRE: { arity: -3, writes: "frees", keys: [0, 0], run: expire },
  SCAN: { arity: -2, run: scan },
};

/** The limits that PEXPIRE takes: when a key gets a new expiry. */
type Condition = (present: number | undefined, wanted: number) => boolean;

const CONDITIONS: Readonly<Record<string, Condition>> = {
  NX: (present) => present === undefined,
  XX: (present) => present !== undefined,
  GT: (present, wanted) => present !== undefined && wanted > present,
  LT: (present, wanted) => present === undefined || wanted < present,
};

function expire({ keys }: Scope, [key = "", text = "", ...options]: readonly string[]): number {
  const conditions = options.map((option) => {
    const name = option.toUpperCase();
    if (CONDITIONS[name] === undefined) throw new CommandError(`ERR Unsupported option ${option}`);
    return name;
  });
  const has = (name: string) => conditions.includes(name);
  if (has("NX") && (has("XX") || has("GT") || has("LT"))) {
    throw new CommandError("ERR NX and XX, GT or LT options at the same time are not compatible");
  }
  if (has("GT") && has("LT")) {
    throw new CommandError("ERR GT and LT options at the same time are not compatible");
  }
  const ms = integer(text);
  if (Math.abs(ms) >= LONGEST - keys.now) {
    throw new CommandError("ERR invalid expire time in 'pexpire' command");
  }
  if (!keys.has(key)) return 0;
  const [present, wanted] = [keys.expiryOf(key), keys.now + ms];
  if (!conditions.every((name) => CONDITIONS[name]?.(present, wanted))) return 0;
  return keys.expireAt(key, wanted) ? 1 : 0;
}

/** All in one page: where a server cuts it, is its own affair. */
function scan({ keys }: Scope, [cursor = "", ...options]: readonly string[]): [string, string[]] {
  if (!/^\d+$/.test(cursor)) throw new CommandError("ERR invalid cursor");
  let pattern = /^/s;
  for (let i = 0; i < options.length; i += 2) {
    const [name = "", value] = [options[i]?.toUpperCase(), options[i + 1]];
    if (value === undefined || (name !== "MATCH" && name !== "COUNT")) throw new CommandError(SYNTAX);
    if (name === "MATCH") pattern = globOf(value);
    else if (integer(value) < 1) throw new CommandError(SYNTAX);
  }
  return ["0", keys.keys().filter((key) => pattern.test(key))];
}

/** A pattern of Redis. */
export function globOf(glob: string): RegExp {
  const parts = glob.match(/\\.|\[(?:\\.|[^\]])*\]?|./gs) ?? [];
  const source = parts.map((part) => {
    if (part === "*") return ".*";
    if (part === "?") return ".";
    if (part.startsWith("[") && part.length > 1) return classOf(part.slice(1).replace(/\]$/, ""));
    return literal(part.startsWith("\\") && part.length > 1 ? part.slice(1) : part);
  });
  return new RegExp(`^${source.join("")}$`, "s");
}

function classOf(members: string): string {
  const isNot = members.startsWith("^");
  const inside = (isNot ? members.slice(1) : members).replace(/\\(.)|[\]\\^]/gs, (part, escaped?: string) =>
    literal(escaped ?? part),
  );
  if (inside === "") return isNot ? "." : "(?!)";
  return `[${isNot ? "^" : ""}${inside}]`;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
