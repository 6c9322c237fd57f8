import { LockUsageError } from "../errors.ts";
import { showChoice } from "../show.ts";
import { type Environment, textOf, wrong } from "./variables.ts";

/** One Redis, without what goes beyond its url. */
export interface Address {
  /** "host:port": for messages. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  /** Whether it is spoken to over TLS; undefined where nothing was said about it. */
  readonly secure: boolean | undefined;
}

const DEFAULT_URL = "redis://127.0.0.1:6379";
const DEFAULT_PORT = 6_379;
const URL_FORM = "a url such as redis://host:6379 or rediss://user:password@host:6379/0";
const LIST_FORM = `a list of host:port or urls, such as "10.0.0.1:6379, rediss://user:password@host:6379"`;
const HOST = /^(\[[\da-f:.]+\]|[\w.-]+)$/i;

/** The nodes that the environment names, in its order: `REDIS_NODES`, else `REDIS_URL`. @throws LockUsageError */
export function readAddresses(env: Environment): readonly Address[] {
  const list = textOf(env, "REDIS_NODES");
  if (list === undefined) return [readUrl(textOf(env, "REDIS_URL") ?? DEFAULT_URL, "REDIS_URL", URL_FORM)];
  const nodes = list.split(",").map((text, index) => readEntry(text.trim(), `entry ${index + 1}`));
  const names = nodes.map(({ name }) => name);
  const again = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (again < 0) return nodes;
  const first = names.indexOf(names[again] ?? "");
  throw new LockUsageError(
    `REDIS_NODES must name each node once, got the same in entries ${first + 1} and ${again + 1}`,
  );
}

function readEntry(text: string, which: string): Address {
  if (text.includes("://")) return readUrl(text, "REDIS_NODES", LIST_FORM, `${which}, `);
  const fail = (given: string) => wrong("REDIS_NODES", LIST_FORM, `${which}, ${given}`);
  if (text === "") throw fail("which is empty");
  // Without a scheme there is no place for credentials, but somebody may have thought so.
  if (text.includes("@")) throw fail("which has an @, but no redis:// in front");
  const { secure: _, ...address } = readUrl(`redis://${text}`, "REDIS_NODES", LIST_FORM, `${which}: `);
  return { ...address, secure: undefined };
}

/** Tells what is wrong with a url without repeating it: any part of it may be a piece of a password. */
function readUrl(text: string, variable: string, form: string, which = ""): Address {
  const fail = (given: string) => wrong(variable, form, `${which}${given}`);
  const [, scheme] = /^([a-z][\w+.-]{0,20}):\/\//i.exec(text) ?? [];
  if (scheme === undefined) throw fail("a text without a scheme");
  if (!/^rediss?$/i.test(scheme)) throw fail(`a url whose scheme is ${showChoice(scheme.toLowerCase())}`);
  const url = parse(text);
  if (url === undefined)
    throw fail("a url that cannot be read (is the port a number, the password percent-encoded?)");
  if (!HOST.test(url.hostname)) throw fail("a url without a host, or with a wrong one");
  if (url.port === "0") throw fail("a url whose port is 0");
  if (!/^(\/\d{0,9})?$/.test(url.pathname)) throw fail("a url whose path is not the number of a database");
  if (url.search !== "" || url.hash !== "")
    throw fail("a url with a ? or a #: a password must be percent-encoded");
  const port = url.port === "" ? DEFAULT_PORT : Number(url.port);
  return {
    name: `${url.hostname}:${port}`,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port,
    username: decoded(url.username, fail),
    password: decoded(url.password, fail),
    db: Number(url.pathname.slice(1)),
    secure: scheme.toLowerCase() === "rediss",
  };
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function decoded(text: string, fail: (given: string) => LockUsageError): string | undefined {
  try {
    return decodeURIComponent(text) || undefined;
  } catch {
    throw fail("a url whose username or password is not percent-encoded");
  }
}
