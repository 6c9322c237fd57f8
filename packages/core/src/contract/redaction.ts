import { types } from "node:util";
import { show, withoutCredentials } from "./show.ts";

/** Marks our errors across duplicate copies of the package, where `instanceof` fails. */
export const BRAND = Symbol.for("@lock/core.LockError");

const LONGEST = 500;
const DEEPEST = 8;
/** A shorter argument is as likely a word of the message as a repetition of what was sent. */
const SHORTEST_ARGUMENT = 4;

/** Servers and proxies repeat the command that they do not know. */
const REPEATED = /,?\s*(with args beginning with|command was:).*/is;
/** What servers begin their replies with. */
const REPLY = /^-?[A-Z]{2,}[A-Z0-9]* /;
const QUOTED = /(?<!\w)(['"`])(.*?)\1(?!\w)/gs;
/** Quoted text that is the server's own: names of commands and settings. */
const OWN = /\b((sub)?command|to run the) $/i;
const USER = /\buser \S+ has no permissions/i;
const HIDDEN = "***";

/** Text without the credentials of the addresses in it, and without what a server repeats of a command. */
export function redacted(text: string, args: readonly string[] = []): string {
  let safe = text;
  for (const arg of args) safe = safe.replaceAll(arg, HIDDEN);
  safe = withoutCredentials(safe).replace(REPEATED, "");
  if (REPLY.test(safe)) {
    safe = safe.replace(USER, `user ${HIDDEN} has no permissions`).replace(QUOTED, withoutContent);
  }
  return safe.length > LONGEST ? `${safe.slice(0, LONGEST)}…` : safe;
}

function withoutContent(quoted: string, mark: string, content: string, at: number, text: string): string {
  const isOwn = content === "maxmemory" || (OWN.test(text.slice(0, at)) && /^[\w|.-]{1,30}$/.test(content));
  return isOwn ? quoted : `${mark}${HIDDEN}${mark}`;
}

/**
 * An error of another library as a cause, a warning or a log may show it: a copy of its name, code, message and stack, and
 * of its causes, all redacted. Clients put the command and its arguments beside the message, a password among them.
 * `sent`: arguments of the command that failed. Our own errors are safe as they are.
 */
export function withoutSecrets(error: unknown, sent: readonly string[] = []): Error {
  return copyOf(error, sent, DEEPEST);
}

function copyOf(error: unknown, sent: readonly string[], depth: number): Error {
  if (!types.isNativeError(error) && !(error instanceof Error)) return new Error(textOf(error, sent));
  if (BRAND in error) return error;
  const args = longestFirst([...sent, ...argumentsOf(error)]);
  const { cause, errors } = error as { readonly cause?: unknown; readonly errors?: unknown };
  const options = cause === undefined || depth === 0 ? {} : { cause: copyOf(cause, args, depth - 1) };
  const nested =
    Array.isArray(errors) && depth > 0 ? errors.map((each) => copyOf(each, args, depth - 1)) : [];
  const message = redacted(error.message, args) || nested.map((each) => each.message).join("; ");
  const copy = nested.length > 0 ? new AggregateError(nested, message, options) : new Error(message, options);
  return dressed(copy, error);
}

/** The names by which logs and programs know the error, and where it came from. */
function dressed(copy: Error, original: Error & { readonly code?: unknown }): Error {
  const { name, message, stack, code } = original;
  const shown = /^\w{1,60}$/.test(name) ? name : "Error";
  Object.defineProperty(copy, "name", { value: shown, configurable: true, writable: true });
  if (typeof code === "string" && /^[A-Z][A-Z0-9_]{1,60}$/.test(code)) Object.assign(copy, { code });
  // A stack begins with the message as it was.
  const frames = String(stack ?? "")
    .replace(message, "")
    .split("\n");
  const places = frames.filter((line) => /^\s+at /.test(line));
  copy.stack = [`${shown}: ${copy.message}`, ...places].join("\n");
  return copy;
}

/** What ioredis notes of a command that failed. */
function argumentsOf(error: object): string[] {
  const { command } = error as { readonly command?: { readonly args?: unknown } };
  const args: unknown = Object(command).args;
  return Array.isArray(args) ? args.flat(3).map(String) : [];
}

function longestFirst(args: readonly string[]): string[] {
  return args.filter(({ length }) => length >= SHORTEST_ARGUMENT).sort((a, b) => b.length - a.length);
}

function textOf(thrown: unknown, sent: readonly string[]): string {
  return typeof thrown === "string" ? redacted(thrown, longestFirst(sent)) : `${show(thrown)} was thrown`;
}
