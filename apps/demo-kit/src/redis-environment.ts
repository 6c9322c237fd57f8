import { isIPv6 } from "node:net";
import { DemoError } from "./errors.ts";
import { quoted } from "./terminal.ts";

/** The Redis that the environment names. */
export interface GivenRedis {
  /** With the password, if there is one: never print it. */
  readonly url: string;
  /** Where it is, for people: without any credentials. */
  readonly place: string;
  /** The variables that named it. */
  readonly variables: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const PARTS = ["REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD"];
const DEFAULT_PORT = "6379";

/**
 * What the environment says about Redis: `REDIS_URL`, or else `REDIS_HOST`, `REDIS_PORT` and `REDIS_PASSWORD`, of
 * which any one is enough. Undefined when it says nothing; an empty variable says nothing.
 * @throws DemoError that names the variable
 */
export function givenRedis(env: Environment): GivenRedis | undefined {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_PASSWORD } = env;
  if (REDIS_URL) return fromUrl(REDIS_URL);
  const variables = PARTS.filter((name) => env[name]);
  if (variables.length === 0) return undefined;
  const host = checkHost(REDIS_HOST || "127.0.0.1");
  const place = `${host}:${checkPort(REDIS_PORT || DEFAULT_PORT)}`;
  const credentials = REDIS_PASSWORD ? `:${encodeURIComponent(REDIS_PASSWORD)}@` : "";
  return { url: `redis://${credentials}${place}`, place, variables };
}

function fromUrl(text: string): GivenRedis {
  const url = parse(text);
  const fits =
    url && /^rediss?:$/.test(url.protocol) && url.hostname !== "" && /^(\/\d*)?$/.test(url.pathname);
  if (!url || !fits || !isDecodable(url.username + url.password)) {
    // The value is not shown: it may hold a password.
    throw new DemoError(
      "REDIS_URL must look like redis://host:6379, rediss://user:password@host:6379 or .../0",
    );
  }
  return { url: text, place: `${url.hostname}:${url.port || DEFAULT_PORT}`, variables: ["REDIS_URL"] };
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function checkHost(host: string): string {
  if (isIPv6(host)) return `[${host}]`;
  if (!/^[\w.-]+$/.test(host)) {
    throw new DemoError(`REDIS_HOST must be a host name or an address, got ${quoted(host)}`);
  }
  return host;
}

function checkPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) {
    throw new DemoError(`REDIS_PORT must be a number from 1 to 65535, got ${quoted(text)}`);
  }
  return port;
}
