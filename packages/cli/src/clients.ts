import { withoutSecrets } from "@lock/core/adapter";
import { type RedisNodeEnv, readRedisEnv } from "@lock/core/env";
import type { Cluster, Redis } from "ioredis";
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

/** How clients connect. */
export interface Approach {
  /** How long opening a connection may take, ms. Default 3,000. */
  readonly connectTimeout?: number;
  /** One attempt, and a server is asked nothing before the first command: to see what it answers. Default false. */
  readonly once?: boolean;
}

/** The library of clients, which is loaded when a server is to be asked: help and usage errors are there before it is. */
type Library = Pick<typeof import("ioredis"), "Cluster" | "Redis">;

/** The clients that a target needs: several for a quorum, else one. They connect when told, or by their first command. */
export async function clientsOf(target: Target, approach: Approach = {}): Promise<readonly Client[]> {
  const library: Library = await import("ioredis");
  if (target.kind === "cluster") return [clusterClient(library, target, approach)];
  if (target.kind === "sentinel") return [sentinelClient(library, target, approach)];
  return target.nodes.map((node) => {
    const options = { ...node.ioredisOptions, ...common(() => client.redis, approach) };
    const client: Client = listening(node.name, new library.Redis(node.url, options));
    return client;
  });
}

/** Fails at once before the first connection, and never gives up after it. */
function common(redis: () => Redis | Cluster, approach: Approach) {
  return {
    ...connecting(approach),
    lazyConnect: true,
    retryStrategy: retrying(redis, approach),
    // A demoted master is left.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
  };
}

function connecting({ connectTimeout = FIRST_ANSWER, once = false }: Approach) {
  return { connectTimeout, enableReadyCheck: !once };
}

function retrying(redis: () => Redis | Cluster, { once = false }: Approach): () => number | null {
  return () => (!once && everReady.has(redis()) ? RECONNECT_PAUSE : null);
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

function sentinelClient({ Redis }: Library, { nodes, master, env }: Target, approach: Approach): Client {
  const [{ tls }] = nodes;
  // Sentinels have the credentials of their urls; the master has those of the variables.
  const [own] = readRedisEnv({ ...env, REDIS_PASSWORD: undefined }).nodes;
  const client: Client = listening(
    `the master ${master} of ${places(nodes)}`,
    new Redis({
      ...common(() => client.redis, approach),
      sentinels: nodes.map(({ host, port }) => ({ host, port })),
      name: master ?? "",
      // Else a silent Sentinel keeps the process alive, also when nobody waits for it any more.
      sentinelCommandTimeout: approach.connectTimeout ?? FIRST_ANSWER,
      sentinelRetryStrategy: retrying(() => client.redis, approach),
      ...credentials("sentinelUsername", own.username, "sentinelPassword", own.password),
      ...credentials("username", env.REDIS_USERNAME, "password", env.REDIS_PASSWORD),
      ...(tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
    }),
  );
  return client;
}

function clusterClient({ Cluster }: Library, { nodes }: Target, approach: Approach): Client {
  const [{ tls, username, password }] = nodes;
  const client: Client = listening(
    places(nodes),
    new Cluster(
      nodes.map(({ host, port }) => ({ host, port })),
      {
        lazyConnect: true,
        enableReadyCheck: !approach.once,
        clusterRetryStrategy: retrying(() => client.redis, approach),
        redisOptions: {
          ...connecting(approach),
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
