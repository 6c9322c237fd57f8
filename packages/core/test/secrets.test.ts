import { startRedis } from "@lock/redis-harness";
import { leaksIn, planted, SECRET, shownBy, textsOf } from "@lock/redis-harness/secrets";
import { newestOrOlder } from "@lock/redis-harness/vitest";
import { Cluster as Cluster6, Redis as Redis6 } from "ioredis";
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis5";
import { createClient as createClient6, createCluster as createCluster6 } from "redis";
import { createClient as createClient5, createCluster as createCluster5 } from "redis5";
import { describe, expect, it } from "vitest";
import { checkOptions, detachedLeases, messagesOf, redisScripts } from "../src/adapter.ts";
import { readRedisEnv } from "../src/env.ts";
import { checkHealth } from "../src/health.ts";
import { inProcessBackend } from "../src/in-process.ts";
import {
  createLocks,
  type LockBackend,
  LockBackendError,
  type LocksOptions,
  LockUsageError,
} from "../src/index.ts";
import { ioredisBackend } from "../src/ioredis.ts";
import { nodeRedisBackend } from "../src/node-redis.ts";
import { quorumBackend } from "../src/quorum.ts";
import { FaultyBackend } from "../src/testing.ts";
import { libraries } from "./support/clients.ts";

/** What a caller without a type checker may pass. */
const any = (value: unknown): never => value as never;
const password = SECRET;
const lazy = { lazyConnect: true, password };

/** Nothing is connected: they hold the secret in their options. */
const clients: readonly (readonly [kind: string, client: unknown])[] = [
  ["an ioredis 5 client", new Redis5(lazy)],
  ["an ioredis 6 client", new Redis6(lazy)],
  ["an ioredis 5 cluster", new Cluster5(["redis://host"], { lazyConnect: true, redisOptions: lazy })],
  ["an ioredis 6 cluster", new Cluster6(["redis://host"], { lazyConnect: true, redisOptions: lazy })],
  ["a node-redis 5 client", createClient5({ password })],
  ["a node-redis 6 client", createClient6({ password })],
  ["a node-redis 5 cluster", createCluster5({ rootNodes: [], defaults: { password } })],
  ["a node-redis 6 cluster", createCluster6({ rootNodes: [], defaults: { password } })],
];
const values = [...planted(), ...clients];
const fine = () => createLocks({ backend: inProcessBackend() });
const ioredis = () => any(new Redis6({ lazyConnect: true }));
const nodeRedis = () => any(createClient6());

async function acquired(options: object): Promise<unknown> {
  const lease = await fine().acquire("key", { wait: 0, ...options });
  await lease.release();
  return lease;
}

async function heard(listener: unknown): Promise<unknown> {
  const locks = fine();
  locks.on("acquired", any(listener));
  await (await locks.acquire("key")).release();
  return locks;
}

/** With something that may have come as JSON. */
async function altered(change: object): Promise<unknown> {
  if (clients.some(([, client]) => Object.values(change).includes(client))) return undefined;
  const locks = fine();
  const ticket = (await locks.acquire("key")).toTicket();
  return locks.adopt(any({ ...ticket, ...change }));
}

type Entry = (value: unknown) => unknown;

function eachOption(names: readonly string[], use: (options: object) => unknown): Record<string, Entry> {
  return Object.fromEntries(names.map((name) => [name, (value: unknown) => use({ [name]: value })]));
}

const RETRY = ["limit", "delay", "jitter"];
const BACKEND = ["requestTimeout", "fenceRetention", "minReplicas", "clock", "unheardOf"];
const ACQUIRE = [
  "ttl",
  "wait",
  "signal",
  "renew",
  "maxHold",
  "minHold",
  "onLost",
  "within",
  "atomic",
  "retry",
];

const ENTRIES: Record<string, Record<string, Entry>> = {
  createLocks: {
    itself: (value) => createLocks(any(value)),
    ...eachOption(["backend", "ttl", "wait", "retry", "maxTtl", "unheardOf"], (options) =>
      createLocks({ backend: inProcessBackend(), ...options } as LocksOptions),
    ),
    ...eachOption(RETRY, (retry) => createLocks({ backend: inProcessBackend(), retry })),
  },
  acquire: {
    ...eachOption([...ACQUIRE, "unheardOf"], acquired),
    ...eachOption(RETRY, (retry) => acquired({ retry })),
    slot: (slot) => fine().pool("key", { size: 2 }).acquire(any({ slot })),
    options: (options) => fine().acquire("key", any(options)),
  },
  locks: {
    permits: (permits) => fine().semaphore("key", any({ permits })),
    semaphore: (options) => fine().semaphore("key", any(options)),
    size: (size) => fine().pool("key", any({ size })),
    match: (match) => fine().list(any({ match }))[Symbol.asyncIterator]().next(),
    token: (token) => fine().forceRelease("key", any({ token })),
    using: (fn) => fine().using("key", any(fn)),
    "a listener": heard,
    "an event": (name) => fine().on(any(name), () => undefined),
    "extend to": async (ttl) => (await fine().acquire("key")).extend(any(ttl)),
    adopt: (ticket) => fine().adopt(any(ticket)),
    ...eachOption(["version", "check", "token", "ttl", "mode", "proof", "minHold"], altered),
  },
  backends: {
    ioredisBackend: (client) => ioredisBackend(any(client)),
    nodeRedisBackend: (client) => nodeRedisBackend(any(client)),
    ...eachOption(BACKEND, (options) => ioredisBackend(ioredis(), options)),
    ...eachOption(
      BACKEND.map((name) => `node-redis ${name}`),
      (options) => {
        const renamed = Object.entries(options).map(([name, value]) => [name.slice(11), value]);
        return nodeRedisBackend(nodeRedis(), Object.fromEntries(renamed));
      },
    ),
    quorumBackend: (nodes) => quorumBackend(any(nodes)),
    "a node of a quorum": (node) => quorumBackend([inProcessBackend(), any(node)]),
    ...eachOption(["drift", "durable", "nodeTimeout", "retry"], (options) =>
      quorumBackend([inProcessBackend(), inProcessBackend(), inProcessBackend()], options),
    ),
    inProcessBackend: (clock) => inProcessBackend(any({ clock })),
  },
  "health and adapters": {
    checkHealth: (backend) => checkHealth(any(backend)),
    ...eachOption(["maxPing", "maxClockOffset", "longestTtl"], (options) =>
      checkHealth(inProcessBackend(), options),
    ),
    detachedLeases: (locks) => detachedLeases(any(locks)),
    messagesOf: (locks) => messagesOf(any(locks)),
    redisScripts: (client) => redisScripts(any(client)),
    "options of an adapter": (value) => checkOptions("adapter", value, { locks: ["a function"] }, ["locks"]),
    "a wrong option": (value) =>
      checkOptions("adapter", { ttl: value }, { ttl: ["a whole number from 1"] }, []),
    "one of a few": (mode) => checkOptions("adapter", { mode }, { mode: ["shared", "exclusive"] }, []),
    "an unknown one": (value) => checkOptions("adapter", { unheardOf: value }, {}, []),
    "in the place of locks": (locks) =>
      checkOptions("adapter", { locks }, { locks: ["what createLocks returns"] }, []),
  },
};

describe.each(Object.entries(ENTRIES))("%s shows no secret", (_, entries) => {
  it.each(Object.entries(entries))("%s", async (_, use) => {
    for (const [kind, value] of values) {
      const leaks = leaksIn(await shownBy(() => use(value)));
      expect({ kind, leaks }).toEqual({ kind, leaks: [] });
    }
  });
});

describe("the environment shows no secret", () => {
  const VARIABLES = [
    "REDIS_URL",
    "REDIS_NODES",
    "REDIS_PASSWORD",
    "REDIS_TLS",
    "REDIS_LOCK_TTL_MS",
    "REDIS_RETRY_COUNT",
    "REDIS_RETRY_DELAY_MS",
    "REDIS_TLS_CA_FILE",
    "REDIS_TLS_CERT_FILE",
    "REDIS_TLS_KEY_FILE",
  ];
  const forms = [
    SECRET,
    `-----BEGIN PRIVATE KEY-----\n${SECRET}`,
    `host:${SECRET}`,
    `a,b,${SECRET}`,
    `host:${SECRET},host:${SECRET}`,
    `redis://me:${SECRET}@host`,
    `redis://:${SECRET}/@host`,
    `redis://:${SECRET}@a,redis://:${SECRET}@a`,
    `rediss://me:${SECRET}@host:1/2`,
    `http://me:${SECRET}@host`,
  ];
  it.each(VARIABLES)("%s", async (variable) => {
    // Whatever stands alone in the list is a host, which is told.
    const isHost = (form: string) => variable === "REDIS_NODES" && /(^|,)S3cret[^:,]*$/.test(form);
    for (const form of forms.filter((each) => !isHost(each))) {
      for (const REDIS_TLS of [undefined, "true", "false"]) {
        const texts = await shownBy(() => {
          const { nodes, ...others } = readRedisEnv({ REDIS_TLS, [variable]: form });
          return [...nodes, ...nodes.flatMap((node) => Object.values(node).filter(isObject)), others];
        });
        expect({ form, leaks: leaksIn(texts) }).toEqual({ form, leaks: [] });
      }
    }
  });

  it("although clients are given it all", () => {
    const [node] = readRedisEnv({ REDIS_URL: `rediss://me:${SECRET}@host` }).nodes;
    expect({ ...node.nodeRedisOptions }).toMatchObject({ url: expect.stringContaining(SECRET) });
    expect(node.password).toBe(SECRET);
  });
});

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

describe("what was made shows no secret", () => {
  /** As somebody may write one: with the client in a field. */
  class OwnBackend extends FaultyBackend {
    readonly client = new Redis6(lazy);
  }
  const backends: [string, () => LockBackend][] = [
    ["ioredis 5", () => ioredisBackend(any(new Redis5(lazy)))],
    ["ioredis 6", () => ioredisBackend(new Redis6(lazy))],
    ["node-redis 5", () => nodeRedisBackend(any(createClient5({ password })))],
    ["node-redis 6", () => nodeRedisBackend(any(createClient6({ password })))],
    ["a cluster", () => ioredisBackend(any(clients[3]?.[1]))],
    ["a quorum", () => quorumBackend([1, 2, 3].map(() => ioredisBackend(new Redis6(lazy))) as never)],
  ];
  it.each(backends)("%s", (_, make) => {
    const backend = make();
    const locks = createLocks({ backend });
    const { read, write } = locks.readWrite("key");
    expect(leaksIn([backend, locks, read, write].flatMap(textsOf))).toEqual([]);
  });

  it("locks of a backend that shows its client", async () => {
    const locks = createLocks({ backend: new OwnBackend(inProcessBackend()) });
    const lease = await locks.acquire("key");
    const inner = await locks.acquire("key", { within: lease });
    const [semaphore, pool] = [locks.semaphore("s", { permits: 1 }), locks.pool("p", { size: 1 })];
    const others = [
      detachedLeases(locks),
      messagesOf(locks),
      await pool.acquire(),
      await semaphore.acquire(),
    ];
    expect(leaksIn([locks, lease, inner, semaphore, pool, ...others].flatMap(textsOf))).toEqual([]);
  });
});

describe("what a listener throws is told without the command that failed", () => {
  it.each<[string, () => unknown]>([
    [
      "an error of ioredis",
      () => Object.assign(new Error("ERR no"), { command: { name: "auth", args: [SECRET] } }),
    ],
    ["an object", () => ({ password: SECRET })],
    ["a cause", () => new Error("no", { cause: Object.assign(new Error("no"), { args: [SECRET] }) })],
  ])("%s", async (_, made) => {
    const texts = await shownBy(() =>
      heard(() => {
        throw made();
      }),
    );
    expect(leaksIn(texts)).toEqual([]);
    expect(texts.length).toBeGreaterThan(2);
  });
});

describe("a cause", () => {
  const chained = () => {
    const { command } = { command: { name: "auth", args: ["me", SECRET] } };
    const deepest = Object.assign(new Error(`ERR wrong '${SECRET}'`), { command });
    const all = new AggregateError([deepest, new Error(`redis://:${SECRET}@host refused`)], "");
    return Object.assign(new Error(`ERR AUTH me ${SECRET}`, { cause: all }), { command, replies: [SECRET] });
  };
  it("is a copy without secrets, down to its own causes", () => {
    const error = new LockBackendError("failed", { cause: chained(), retryable: true, ambiguous: true });
    expect(leaksIn(textsOf(error))).toEqual([]);
    expect(String(error.cause)).toBe("Error: ERR AUTH me ***");
    expect((error.cause as Error).stack).toMatch(/^Error: ERR AUTH me \*\*\*\n\s+at /);
    expect(String((error.cause as Error).cause)).toContain("refused");
  });

  it("of ours is itself", () => {
    const cause = new LockUsageError("wrong");
    expect(new LockUsageError("failed", { cause }).cause).toBe(cause);
  });
});

describe.concurrent.each(newestOrOlder(libraries))("$name", ({ connect }) => {
  it("tells of no arguments where the server repeats them", async () => {
    await using server = await startRedis({
      args: ["--rename-command", "EVALSHA", "", "--rename-command", "INFO", ""],
    });
    const client = await connect(server.url);
    const locks = createLocks({ backend: client.backend(), prefix: "tell-nobody" });
    const error: Error = await locks.acquire("key").catch((reason) => reason);
    const [report] = (await checkHealth(client.backend())).nodes;
    const run = redisScripts(any(await rawClient(client)))("echo", "return { ARGV[1] }");
    const adapter = await run(["k"], [SECRET]).catch((reason: unknown) => reason);
    expect(leaksIn([error, report, adapter].flatMap(textsOf))).toEqual([]);
    for (const text of textsOf(error)) expect(text).not.toMatch(/tell-nobody:|args beginning/);
    for (const text of textsOf(adapter)) expect(text).not.toMatch(/args beginning/);
    await locks.close();
    client.close();
  });
});

describe.each(newestOrOlder(libraries).filter(({ family }) => family === "ioredis"))(
  "$name",
  ({ connect }) => {
    it("tells of no password that the server does not take, though it is an argument of AUTH", async () => {
      await using server = await startRedis({ password: "right" });
      const { port } = new URL(server.url);
      const client = await connect(`redis://me:${SECRET}@127.0.0.1:${port}`);
      const locks = createLocks({ backend: client.backend({ requestTimeout: 500 }) });
      const texts = await shownBy(() => locks.acquire("key", { wait: 0 }));
      expect(texts.join()).toMatch(/NOAUTH|WRONGPASS/);
      expect(leaksIn(texts)).toEqual([]);
      await locks.close();
      client.close();
    });
  },
);

/** A client of the library as a user has it. */
async function rawClient({ driver }: Awaited<ReturnType<(typeof libraries)[number]["connect"]>>) {
  return {
    evalsha: (sha: string, count: number, ...rest: string[]) =>
      driver.evalsha(sha, rest.slice(0, count), rest.slice(count)),
    eval: (source: string, count: number, ...rest: string[]) =>
      driver.eval(source, rest.slice(0, count), rest.slice(count)),
    duplicate: () => undefined,
    options: {},
  };
}
