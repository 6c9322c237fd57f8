import { withoutSecrets } from "@lock/core/adapter";
import { type RedisNodeEnv, readRedisEnv } from "@lock/core/env";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { EXIT } from "./exit-codes.ts";
import { Failure } from "./failure.ts";
import type { Target } from "./target.ts";

/** A server has to answer within this, ms, before anything else is asked of it. */
export const FIRST_ANSWER = 3_000;
const RECONNECT_PAUSE = 100;

/** One connection of ours, and what is known of its faults. */
export interface Client {
  /** Where it leads, for messages: without credentials. */
  readonly place: string;
  readonly redis: Redis | Cluster;
  /** What the client said last of a fault. */
  heard(): string | undefined;
}

/** The clients that a target needs: several for a quorum, else one. They are not connected yet. */
export function clientsOf(target: Target): readonly Client[] {
  if (target.kind === "cluster") return [clusterClient(target)];
  if (target.kind === "sentinel") return [sentinelClient(target)];
  return target.nodes.map((node) => {
    const options = { ...node.ioredisOptions, ...common(() => client.redis) };
    const client: Client = listening(node.name, new Redis(node.url, options));
    return client;
  });
}

/** Fails at once before the first connection, and never gives up after it. */
function common(
  redis: () => Redis | Cluster,
): Pick<RedisOptions, "lazyConnect" | "connectTimeout" | "retryStrategy" | "reconnectOnError"> {
  let wasReady = false;
  return {
    lazyConnect: true,
    connectTimeout: FIRST_ANSWER,
    retryStrategy: () => {
      wasReady ||= everReady.has(redis());
      return wasReady ? RECONNECT_PAUSE : null;
    },
    // A demoted master is left.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  };
}

const everReady = new WeakSet<object>();

function listening(place: string, redis: Redis | Cluster): Client {
  let heard: string | undefined;
  redis.on("error", (error: Error & { lastNodeError?: Error }) => {
    heard = error.lastNodeError?.message ?? error.message;
  });
  redis.on("ready", () => everReady.add(redis));
  return { place, redis, heard: () => heard };
}

function sentinelClient({ nodes, master, env }: Target): Client {
  const [{ tls }] = nodes;
  // Sentinels have the credentials of their urls; the master has those of the variables.
  const [own] = readRedisEnv({ ...env, REDIS_PASSWORD: undefined }).nodes;
  const client: Client = listening(
    `the master ${master} of ${places(nodes)}`,
    new Redis({
      ...common(() => client.redis),
      sentinels: nodes.map(({ host, port }) => ({ host, port })),
      name: master ?? "",
      sentinelRetryStrategy: () => (everReady.has(client.redis) ? RECONNECT_PAUSE : null),
      ...credentials("sentinelUsername", own.username, "sentinelPassword", own.password),
      ...credentials("username", env.REDIS_USERNAME, "password", env.REDIS_PASSWORD),
      ...(tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
    }),
  );
  return client;
}

function clusterClient({ nodes }: Target): Client {
  const [{ tls, username, password }] = nodes;
  const client: Client = listening(
    places(nodes),
    new Cluster(
      nodes.map(({ host, port }) => ({ host, port })),
      {
        lazyConnect: true,
        clusterRetryStrategy: () => (everReady.has(client.redis) ? RECONNECT_PAUSE : null),
        redisOptions: {
          connectTimeout: FIRST_ANSWER,
          ...credentials("username", username, "password", password),
          ...(tls && { tls }),
        },
        // A certificate names the host, not its address.
        ...(tls && {
          dnsLookup: (address: string, done: (e: null, a: string) => void) => done(null, address),
        }),
      },
    ),
  );
  return client;
}

function credentials(user: string, username: string | undefined, word: string, password: string | undefined) {
  return { ...(username && { [user]: username }), ...(password && { [word]: password }) };
}

function places(nodes: readonly RedisNodeEnv[]): string {
  return nodes.map(({ name }) => name).join(", ");
}

/**
 * Connects them: all, or, of a quorum, a majority; the others are tried again.
 * @throws Failure that says which could not be reached, and why
 */
export async function connectAll(clients: readonly Client[]): Promise<void> {
  const faults = (await Promise.all(clients.map(faultOf))).flatMap((fault) => fault ?? []);
  const needed = Math.floor(clients.length / 2) + 1;
  if (clients.length - faults.length >= needed) {
    for (const { redis } of clients) {
      everReady.add(redis);
      if (redis.status === "end") void redis.connect().catch(() => undefined);
    }
    return;
  }
  throw new Failure(`cannot use Redis at ${faults.join("; ")}`, EXIT.backend, "LOCK_BACKEND");
}

async function faultOf(client: Client): Promise<string | undefined> {
  const { place, redis } = client;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${FIRST_ANSWER} ms`)), FIRST_ANSWER);
  });
  try {
    await Promise.race([redis.connect().then(() => redis.ping()), late]);
    return undefined;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    // The client knows only that the connection was closed; the server has said why.
    const why = /closed/i.test(said) ? (client.heard() ?? said) : said;
    return `${place}: ${withoutSecrets(new Error(why || "no connection")).message}`;
  } finally {
    clearTimeout(timer);
  }
}
