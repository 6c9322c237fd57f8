import { LockUsageError } from "../contract/errors.ts";
import { show, showChoice } from "../contract/show.ts";
import { type Environment, readWhole, textOf, wrong } from "./variables.ts";

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

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 6_379;
const MOST_DATABASES = 999_999_999;
const URL_FORM = "a url such as redis://host:6379 or rediss://user:password@host:6379/0";
const LIST_FORM = `a list of host:port or urls, such as "10.0.0.1:6379, rediss://user:password@host:6379"`;
const HOST = /^(\[[\da-f:.]+\]|[\w.-]+)$/i;

/**
 * The nodes that the environment names, in its order: `REDIS_NODES`, else `REDIS_URL`, else `REDIS_HOST` and `REDIS_PORT`.
 * @throws LockUsageError
 */
export function readAddresses(env: Environment): readonly Address[] {
  const list = textOf(env, "REDIS_NODES");
  if (list === undefined) return [readOne(env)];
  const nodes = list.split(",").map((text, index) => readEntry(text.trim(), `entry ${index + 1}`));
  const names = nodes.map(({ name }) => name);
  const again = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (again < 0) return nodes;
  const first = names.indexOf(names[again] ?? "");
  throw new LockUsageError(
    `REDIS_NODES must name each node once, got the same in entries ${first + 1} and ${again + 1}`,
  );
}

function readOne(env: Environment): Address {
  const url = textOf(env, "REDIS_URL");
  if (url !== undefined) return readUrl(url, "REDIS_URL", URL_FORM);
  const [host, port] = [textOf(env, "REDIS_HOST"), textOf(env, "REDIS_PORT")];
  if (host !== undefined && !HOST.test(host) && !HOST.test(`[${host}]`)) {
    throw wrong("REDIS_HOST", "the name or the address of a host, without a port", show(host));
  }
  // Kubernetes sets it to such a text in each pod beside a service that is called redis.
  if (port?.startsWith("tcp://")) {
    throw wrong(
      "REDIS_PORT",
      "a number; set REDIS_URL instead",
      "an address, as Kubernetes sets it for a service",
    );
  }
  const given = host ?? DEFAULT_HOST;
  // An address of IPv6 needs no brackets where it stands alone.
  const bracketed = /^[\da-f:.]*:[\da-f:.]*$/i.test(given) ? `[${given}]` : given;
  const address = `${bracketed}:${readWhole(env, "REDIS_PORT", 1, 65_535) ?? DEFAULT_PORT}`;
  return {
    ...readUrl(`redis://${address}`, "REDIS_HOST", URL_FORM),
    username: textOf(env, "REDIS_USERNAME"),
    db: readWhole(env, "REDIS_DB", 0, MOST_DATABASES) ?? 0,
    secure: undefined,
  };
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
