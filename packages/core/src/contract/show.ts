import { inspect } from "node:util";

const LONGEST = 80;
/** Options whose texts name locks and programs: people write them to be read. */
const NAMES = new Set(["key", "holder", "prefix", "meta"]);
/** What the values of options look like that may have only certain ones: a password has more in it. */
const WORD = /^[a-z][a-z -]{0,23}$/;
/** Up to the last @: a password may have one of its own, or a slash. */
const CREDENTIALS = /(\w[\w+.-]*:\/\/)\S*@/g;
/** Also with a unit, as other libraries have durations. */
const NUMBER = /^[+-]?\d{1,9}(\.\d{1,3})?[a-z]{0,2}$/;

/**
 * A wrong value as an error message shows it: by its kind, and never by its content, which may be a secret. Numbers and
 * the like are shown as they are.
 */
export function show(value: unknown): string {
  if (typeof value === "string") return textKind(value);
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol" || typeof value === "bigint") return `a ${typeof value}`;
  if (typeof value !== "object" || value === null) return inspect(value);
  try {
    return objectKind(value);
  } catch {
    // A proxy or a getter that throws.
    return "an object";
  }
}

/** The value of an option of that name: its text is shown where that names a lock, a program or a fact about them. */
export function showNamed(option: string, value: unknown): string {
  if (!NAMES.has(option)) return show(value);
  if (typeof value === "string") return quoted(value);
  const isRecord = option === "meta" && Object.getPrototypeOf(Object(value)) === Object.prototype;
  return isRecord ? shortened(inspect(value, { depth: 0 })) : show(value);
}

/** The value of an option that may have only certain ones: a word that may be a misspelt one of them, or a number, is shown. */
export function showChoice(value: unknown): string {
  return typeof value === "string" && (WORD.test(value) || NUMBER.test(value)) ? quoted(value) : show(value);
}

/** Text for a terminal: escaped, and not too long. */
export function quoted(text: string): string {
  const escaped = inspect(text, { maxStringLength: LONGEST, breakLength: Number.POSITIVE_INFINITY });
  return shortened(withoutCredentials(escaped));
}

/** Text without the username and password of any address in it. */
export function withoutCredentials(text: string): string {
  return text.replace(CREDENTIALS, "$1***@");
}

function shortened(text: string): string {
  return text.length > LONGEST + 20 ? `${text.slice(0, LONGEST)}…` : text;
}

function textKind({ length }: string): string {
  return length === 0 ? "an empty string" : `a string of ${length} character${length === 1 ? "" : "s"}`;
}

function objectKind(value: object): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const made = madeBy(value);
  if (made !== undefined) return made.kind;
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  const isNamed = typeof name === "string" && /^[A-Za-z_$][\w$]{0,40}$/.test(name) && name !== "Object";
  return isNamed ? `an instance of ${name}` : "an object";
}

/** Things that are easily passed in the place of each other, and how to make a backend of them. */
interface Made {
  readonly kind: string;
  readonly backend?: string;
  /** What to do where there is no way to make one. */
  readonly instead?: string;
}

/** The more special ones first. */
const MADE: readonly (Made & { readonly has: readonly string[]; readonly lacks?: string })[] = [
  {
    has: ["evalSha", "execute"],
    kind: "a pool of node-redis clients",
    instead: "pass one client: it carries all locks",
  },
  {
    has: ["evalSha", "sendCommand"],
    lacks: "connect",
    kind: "the legacy() face of a node-redis client",
    instead: "pass the client itself",
  },
  {
    has: ["internal_send_command"],
    kind: "a client of redis 3 or older",
    instead: "use redis 5 or 6 with nodeRedisBackend, or ioredis with ioredisBackend",
  },
  {
    has: ["acquire", "release", "drain"],
    kind: "a pool of clients",
    instead: "pass one client: it carries all locks",
  },
  {
    has: ["invokeScript", "customCommand"],
    kind: "a client of @valkey/valkey-glide",
    instead: "use ioredis, iovalkey or redis (node-redis)",
  },
  {
    has: ["evalsha", "pipeline"],
    lacks: "duplicate",
    kind: "a client that speaks HTTP, as that of @upstash/redis does",
    instead: "use one that keeps a connection, such as ioredis",
  },
  { has: ["evalSha", "sendCommand"], kind: "a node-redis client", backend: "nodeRedisBackend(client)" },
  { has: ["evalsha", "duplicate"], kind: "an ioredis client", backend: "ioredisBackend(client)" },
  { has: ["tryAcquire", "cancel"], kind: "a lock backend" },
  { has: ["acquire", "tryAcquire", "using"], kind: "locks" },
];

/** What a value is that is easily passed in the place of another one, told by its methods. */
export function madeBy(value: unknown): Made | undefined {
  try {
    const isMethod = (name: string) => typeof Object(value)[name] === "function";
    if (typeof value !== "object" && typeof value !== "function") return undefined;
    return MADE.find(({ has, lacks = "" }) => has.every(isMethod) && !isMethod(lacks));
  } catch {
    return undefined;
  }
}

/** Whether it is of a kind that no backend can be made of. */
export function isUnfit(value: unknown): boolean {
  return madeBy(value)?.instead !== undefined;
}

/** A value in the place of a backend, or of another client, and how to make a backend of it. */
export function showForBackend(value: unknown): string {
  const { backend, instead } = madeBy(value) ?? {};
  if (instead !== undefined) return `${show(value)}: ${instead}`;
  return backend === undefined ? show(value) : `${show(value)}: wrap it in ${backend}`;
}

/** A value in the place of locks, and how to make them of it. */
export function showForLocks(value: unknown): string {
  const made = madeBy(value);
  if (made === undefined) return show(value);
  const { kind, backend } = made;
  return `${kind}: pass createLocks({ backend${backend === undefined ? "" : `: ${backend}`} })`;
}
