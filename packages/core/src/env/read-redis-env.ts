import { LockUsageError } from "../contract/errors.ts";
import { show } from "../contract/show.ts";
import { DEFAULT_MAX_TTL } from "../contract/validate.ts";
import { type Address, readAddresses } from "./nodes.ts";
import { checkNoTls, type RedisTls, readTls } from "./tls.ts";
import { unlogged } from "./unlogged.ts";
import { type Environment, readFlag, readWhole } from "./variables.ts";

/** One Redis that the environment names. It holds credentials, but for `name`; logs and JSON show none of them. */
export interface RedisNodeEnv {
  /** "host:port", without credentials: for messages. */
  readonly name: string;
  /** With credentials, and with the scheme `rediss:` where TLS is used. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The number of the database. Default 0. */
  readonly db: number;
  /** Undefined where TLS is not used. */
  readonly tls: RedisTls | undefined;
  /** For ioredis: `new Redis(node.url, node.ioredisOptions)`. */
  readonly ioredisOptions: { tls?: RedisTls };
  /** For node-redis: `createClient(node.nodeRedisOptions)`. */
  readonly nodeRedisOptions: { url: string; socket?: RedisTls & { tls: true } };
}

/** What the environment says about Redis and locks. Durations are milliseconds. */
export interface RedisEnv {
  /** At least one. */
  readonly nodes: readonly [RedisNodeEnv, ...RedisNodeEnv[]];
  /** `REDIS_LOCK_TTL_MS`: for `createLocks({ ttl })`. */
  readonly ttl: number | undefined;
  readonly retry: {
    /** `REDIS_RETRY_COUNT`: how often to try again. */
    readonly limit: number | undefined;
    /** `REDIS_RETRY_DELAY_MS`: how long to wait in between. */
    readonly delay: number | undefined;
  };
}

const MOST_RETRIES = 1_000_000;
const LONGEST_DELAY = 3_600_000;

/**
 * Reads the configuration of Redis from the environment: `REDIS_NODES` (several, separated by commas), else `REDIS_URL`,
 * else `REDIS_HOST`, `REDIS_PORT`, `REDIS_USERNAME` and `REDIS_DB`, else 127.0.0.1:6379. A variable that is empty says
 * nothing.
 * @example
 * const { nodes: [node] } = readRedisEnv();
 * const redis = new Redis(node.url, node.ioredisOptions);
 * @throws LockUsageError that names the variable, and never repeats a password
 */
export function readRedisEnv(env: Environment = process.env): RedisEnv {
  if (typeof env !== "object" || env === null) {
    throw new LockUsageError(`readRedisEnv needs an object such as process.env, got ${show(env)}`);
  }
  const wanted = readFlag(env, "REDIS_TLS");
  const addresses = readAddresses(env).map((address) => withPassword(env, address));
  const secured = addresses.map((address) => isSecure(address, wanted));
  if (!secured.includes(true)) checkNoTls(env);
  const tls = secured.includes(true) ? readTls(env) : undefined;
  const [first, ...others] = addresses.map((address, index) =>
    describe(address, secured[index] ? tls : undefined),
  );
  if (first === undefined) throw new LockUsageError("REDIS_NODES must name at least one node");
  return {
    nodes: [first, ...others],
    ttl: readWhole(env, "REDIS_LOCK_TTL_MS", 1, DEFAULT_MAX_TTL, " of milliseconds"),
    retry: {
      limit: readWhole(env, "REDIS_RETRY_COUNT", 0, MOST_RETRIES),
      delay: readWhole(env, "REDIS_RETRY_DELAY_MS", 0, LONGEST_DELAY, " of milliseconds"),
    },
  };
}

function withPassword(env: Environment, address: Address): Address {
  // As it stands: a password may begin or end with a space.
  return { ...address, password: address.password ?? (env.REDIS_PASSWORD || undefined) };
}

function isSecure({ name, secure }: Address, wanted: boolean | undefined): boolean {
  if (secure === true && wanted === false) {
    throw new LockUsageError(`REDIS_TLS must not be false while the url of ${name} begins with rediss://`);
  }
  return wanted ?? secure ?? false;
}

function describe({ secure: _, ...address }: Address, tls: RedisTls | undefined): RedisNodeEnv {
  const url = urlOf(address, tls !== undefined);
  const node = {
    ...address,
    url,
    tls: tls && unlogged({ ...tls }),
    ioredisOptions: unlogged(tls === undefined ? {} : { tls: unlogged({ ...tls }) }),
    nodeRedisOptions: unlogged(
      tls === undefined ? { url } : { url, socket: unlogged({ ...tls, tls: true } as const) },
    ),
  };
  return unlogged(node, { name: address.name, db: address.db, secure: tls !== undefined });
}

function urlOf({ name, username = "", password, db }: Omit<Address, "secure">, secure: boolean): string {
  const secret = password === undefined ? "" : `:${encodeURIComponent(password)}`;
  const user = `${encodeURIComponent(username)}${secret}`;
  return `${secure ? "rediss" : "redis"}://${user && `${user}@`}${name}${db === 0 ? "" : `/${db}`}`;
}
