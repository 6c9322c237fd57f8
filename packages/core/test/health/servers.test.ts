import { isDeepStrictEqual } from "node:util";
import { type RedisServer, startFaultyProxy, startRedis, startRedisNodes } from "@lock/redis-harness";
import { newestOrOlder, useCluster, useRedis } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { RedisBackend, type RedisBackendOptions } from "../../src/backends/redis/redis-backend.ts";
import type { LockBackend } from "../../src/contract/backend.ts";
import { checkHealth, type HealthOptions, type HealthReport, type NodeFacts } from "../../src/health.ts";
import { inProcessBackend } from "../../src/in-process.ts";
import { LockUsageError } from "../../src/index.ts";
import { quorumBackend } from "../../src/quorum.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, libraries } from "../support/clients.ts";

const HOUR = 3_600_000;
/** What a loaded machine does to round trips, and what has just been started, is not what is tested. */
const PATIENT: HealthOptions = { maxPing: 60_000, longestTtl: 1 };

type OpenBackend = LockBackend & AsyncDisposable;

async function backendOf(
  url: string,
  options: RedisBackendOptions = {},
  ofClient: Readonly<Record<string, unknown>> = {},
): Promise<OpenBackend> {
  const client = await ioredis6.connect(url, { client: ofClient });
  const backend = client.backend({ requestTimeout: 10_000, ...options });
  return Object.assign(backend, { [Symbol.asyncDispose]: async () => client.close() });
}

async function check(urls: readonly string[], options: HealthOptions = {}): Promise<HealthReport> {
  const backends = await Promise.all(urls.map((url) => backendOf(url)));
  try {
    return await checkHealth(backends, { ...PATIENT, ...options });
  } finally {
    await Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
  }
}

function codes({ findings }: HealthReport): string[] {
  return findings.map(({ severity, code, node }) => `${severity} ${code} ${node}`);
}

function factsOf(report: HealthReport): NodeFacts {
  const [node] = report.nodes;
  if (node?.status !== "reachable") throw new Error(`not reachable: ${JSON.stringify(node)}`);
  return node.facts;
}

const place = ({ host, port }: { host: string; port: number }) => `${host}:${port}`;

/** Sends one command over a client that has all rights. */
async function command(redis: RedisServer, ...words: string[]): Promise<unknown> {
  const admin = await ioredis6.connect(redis.url);
  try {
    return await admin.command(...words);
  } finally {
    admin.close();
  }
}

describe.concurrent("the facts of a server", () => {
  const redis = useRedis({
    persist: true,
    args: ["--maxmemory", "50mb", "--maxmemory-policy", "volatile-lru"],
  });

  for (const { name, connect } of newestOrOlder(libraries)) {
    it.each([2, 3] as const)(`are the same through ${name} and RESP%d`, async (protocol) => {
      const client = await connect(redis.url, { protocol });
      const report = await checkHealth(client.backend({ requestTimeout: 10_000 }), PATIENT);
      client.close();
      const { ping, uptime, clockOffset, version, runId, ...facts } = factsOf(report);
      expect(facts).toEqual({
        role: "master",
        maxmemory: 50 * 1_024 * 1_024,
        maxmemoryPolicy: "volatile-lru",
        appendOnly: true,
        appendFsync: "always",
        snapshots: false,
        clusterEnabled: false,
        shards: undefined,
        clusterClient: false,
        publishRefused: undefined,
        product: undefined,
        replicas: 0,
        refused: [],
      });
      expect(version).toMatch(/^\d+\.\d+/);
      expect(runId).toMatch(/^[0-9a-f]{40}$/);
      expect(ping).toBeGreaterThan(0);
      expect(uptime).toBeGreaterThanOrEqual(0);
      expect(uptime).toBeLessThan(HOUR);
      expect(Math.abs(clockOffset?.ms ?? HOUR)).toBeLessThan((clockOffset?.uncertainty ?? 0) + 1_000);
      expect(report.nodes[0]?.name).toBe(place(redis.server));
      expect(report.verdict).toBe("degraded");
      expect(codes(report)).toEqual([`warning eviction ${place(redis.server)}`]);
    });
  }

  it("are asked without a trace", async () => {
    const before = await command(redis.server, "DBSIZE");
    await check([redis.url]);
    expect(await command(redis.server, "DBSIZE")).toEqual(before);
  });
});

describe.concurrent("a single server", () => {
  it("is healthy if it keeps its data", async () => {
    await using redis = await startRedis({ persist: true });
    expect(await check([redis.url])).toMatchObject({ verdict: "healthy", findings: [] });
  });

  it("keeps nothing, or snapshots only", async () => {
    await using redis = await startRedis();
    const [nothing] = (await check([redis.url])).findings;
    expect(nothing).toMatchObject({ code: "persistence", found: "it keeps nothing on disk" });
    await command(redis, "CONFIG", "SET", "save", "3600 1");
    const [snapshots] = (await check([redis.url])).findings;
    expect(snapshots).toMatchObject({
      code: "persistence",
      found: "it keeps snapshots, but no append-only file",
    });
  });

  it("has forgotten what it granted when it was restarted a moment ago", async () => {
    await using redis = await startRedis();
    await redis.restart();
    const report = await check([redis.url], { longestTtl: 600_000 });
    expect(codes(report)).toContain(`warning restarted ${place(redis)}`);
  });

  it("has another clock than this host", async () => {
    await using redis = await startRedis({ persist: true, clockOffset: -HOUR });
    const report = await check([redis.url]);
    expect(codes(report)).toEqual([`warning clock ${place(redis)}`]);
    expect(report.findings[0]?.found).toBe("its clock is 3600 s behind this host's clock");
  });

  it("is slow", async () => {
    await using redis = await startRedis({ persist: true });
    await using proxy = await startFaultyProxy(redis);
    await using backend = await backendOf(proxy.url);
    await backend.admin?.inspect({ prefix: "lock", key: "warm" });
    proxy.delay(40);
    const report = await checkHealth(backend, { ...PATIENT, maxPing: 79 });
    expect(codes(report)).toEqual([`warning slow ${place(proxy)}`]);
    // Each way takes 40 ms, and neither says whether the clock has been read early or late in between.
    expect(factsOf(report).clockOffset?.uncertainty).toBeGreaterThanOrEqual(40);
  });

  it("is a replica, and its master has one", async () => {
    await using master = await startRedis({ persist: true });
    await using replica = await startRedis({
      persist: true,
      args: ["--replicaof", "127.0.0.1", String(master.port)],
    });
    await eventually("its replica is known", async () => {
      const told = codes(await check([master.url]));
      return isDeepStrictEqual(told, [`note replicated ${place(master)}`]) || undefined;
    });
    const report = await check([replica.url]);
    expect(report.verdict).toBe("unhealthy");
    expect(codes(report)).toEqual([`error replica ${place(replica)}`]);
  });
});

describe.concurrent("a server that cannot be asked everything", () => {
  it("refuses INFO, TIME, CONFIG and PING to a user without the rights: that is no fault", async () => {
    await using redis = await startRedis({ persist: true });
    await command(
      redis,
      "ACL",
      "SETUSER",
      "locker",
      "on",
      ">secret",
      "nocommands",
      "~lock:*",
      "+hello",
      "+evalsha",
    );
    const report = await check([`redis://locker:secret@${place(redis)}`]);
    const { ping, refused, clusterClient, ...facts } = factsOf(report);
    expect(clusterClient).toBe(false);
    expect(new Set(Object.values(facts))).toEqual(new Set([undefined]));
    expect(ping).toBeGreaterThan(0);
    expect(refused.map((text) => text.split(":")[0]).toSorted()).toEqual(["CONFIG", "EVAL", "INFO", "TIME"]);
    expect(report.verdict).toBe("healthy");
    expect(codes(report)).toEqual([`note unknown ${place(redis)}`]);
    expect(JSON.stringify(report)).not.toContain("secret");
  });

  it("refuses only CONFIG to the user whose rights the guide gives", async () => {
    await using redis = await startRedis({ persist: true });
    const rights = ["~lock:*", "&lock:*", "+ping", "+time", "+info", "+hello", "+client|setname", "+eval"];
    await command(redis, "ACL", "SETUSER", "locker", "on", ">secret", "nocommands", ...rights, "+publish");
    const report = await check([`redis://locker:secret@${place(redis)}`]);
    expect(factsOf(report)).toMatchObject({ role: "master", appendOnly: true, appendFsync: undefined });
    expect(factsOf(report).refused).toEqual([expect.stringMatching(/^CONFIG: NOPERM/)]);
  });

  it("does not know a command, as managed servers may not", async () => {
    await using redis = await startRedis({ persist: true, args: ["--rename-command", "TIME", ""] });
    const report = await check([redis.url]);
    expect(factsOf(report).refused).toEqual([expect.stringMatching(/^TIME: ERR unknown command/)]);
    expect(factsOf(report)).toMatchObject({ role: "master", clockOffset: undefined });
  });

  it("does not know INFO: somebody else manages it", async () => {
    await using redis = await startRedis({ persist: true, args: ["--rename-command", "INFO", ""] });
    // ioredis asks for INFO before it calls a connection ready.
    await using backend = await backendOf(redis.url, {}, { enableReadyCheck: false });
    expect(codes(await checkHealth(backend, PATIENT))).toEqual([
      `note managed ${place(redis)}`,
      `note unknown ${place(redis)}`,
    ]);
  });

  it.each([
    ["a right", ["~*", "&*", "+@all", "-publish"], {}, "run this command"],
    ["the channels", ["~*", "resetchannels", "+@all"], {}, "publish to the channel"],
    [
      "the channels of another prefix",
      ["~*", "resetchannels", "&lock:*", "+@all"],
      { prefix: "app" },
      "publish to the channel",
    ],
  ])("refuses messages to a user without %s", async (_, rights, options, said) => {
    await using redis = await startRedis({ persist: true });
    await command(redis, "ACL", "SETUSER", "locker", "on", ">secret", ...rights);
    const report = await check([`redis://locker:secret@${place(redis)}`], options);
    expect(report.verdict).toBe("degraded");
    expect(codes(report)).toEqual([`warning publish ${place(redis)}`]);
    expect(factsOf(report).publishRefused).toContain(said);
  });

  it("has PUBLISH under another name", async () => {
    await using redis = await startRedis({ persist: true, args: ["--rename-command", "PUBLISH", ""] });
    expect(codes(await check([redis.url]))).toEqual([`warning publish ${place(redis)}`]);
  });

  it("wants a password", async () => {
    await using redis = await startRedis({ password: "right" });
    const report = await check([`redis://:wrong@${place(redis)}`]);
    expect(report.verdict).toBe("unhealthy");
    expect(codes(report)).toEqual([`error unreachable ${place(redis)}`]);
    expect(JSON.stringify(report)).not.toMatch(/right|wrong@/);
  });

  it("is dead, or says nothing, until it is back", async () => {
    await using redis = await startRedis({ persist: true });
    await using proxy = await startFaultyProxy(redis);
    await using dead = await backendOf(redis.url, { requestTimeout: 300 });
    await using silent = await backendOf(proxy.url, { requestTimeout: 300 });
    await redis.kill();
    expect(await checkHealth(dead)).toMatchObject({
      verdict: "unhealthy",
      nodes: [{ status: "unreachable", name: place(redis), error: { code: "LOCK_BACKEND" } }],
    });
    await redis.restart();
    proxy.blackhole();
    const report = await checkHealth(silent);
    expect(report.findings).toMatchObject([
      { code: "unreachable", found: expect.stringContaining("300 ms") },
    ]);
    proxy.heal();
    await using patient = await backendOf(proxy.url);
    expect((await checkHealth(patient, PATIENT)).verdict).toBe("healthy");
  });
});

describe.concurrent("a server in cluster mode", () => {
  it.each(newestOrOlder(libraries))(
    "that has all slots, through a plain client of $name",
    async ({ connect }) => {
      await using redis = await startRedis({ persist: true, args: ["--cluster-enabled", "yes"] });
      await command(redis, "CLUSTER", "ADDSLOTSRANGE", "0", "16383");
      await eventually("a cluster", async () =>
        String(await command(redis, "CLUSTER", "INFO")).includes("cluster_state:ok") ? true : undefined,
      );
      const client = await connect(redis.url);
      const report = await checkHealth(client.backend({ requestTimeout: 10_000 }), PATIENT);
      client.close();
      expect(report.verdict).toBe("healthy");
      expect(codes(report)).toEqual([`note cluster ${place(redis)}`]);
      expect(factsOf(report)).toMatchObject({ shards: 1, publishRefused: undefined, refused: [] });
    },
  );

  describe("that is one of three", () => {
    const cluster = useCluster();
    const urls = () => [...cluster().urls];

    it("is no place for a plain client", async () => {
      const report = await check(urls().slice(0, 1));
      expect(report.verdict).toBe("unhealthy");
      expect(report.findings[0]).toMatchObject({ severity: "error", code: "cluster" });
      expect(factsOf(report)).toMatchObject({ clusterEnabled: true, shards: 3 });
    });

    it.each(newestOrOlder(libraries))(
      "is well behind a cluster client of $name",
      async ({ connectCluster }) => {
        const client = await connectCluster(urls());
        const report = await checkHealth(client.backend({ requestTimeout: 10_000 }), PATIENT);
        client.close();
        expect(report.findings.filter(({ code }) => code === "cluster" || code === "publish")).toEqual([]);
        expect(factsOf(report)).toMatchObject({
          clusterClient: true,
          publishRefused: undefined,
          refused: [],
        });
      },
    );
  });
});

describe.concurrent("a quorum of five", () => {
  it.each([HOUR, -HOUR])("reports the one node whose clock is stepped by %d ms", async (step) => {
    await using others = await startRedisNodes(4, { persist: true });
    await using stepped = await startRedis({ persist: true, clockOffset: 0 });
    const urls = others.nodes.toSpliced(2, 0, stepped).map(({ url }) => url);
    expect(await check(urls)).toMatchObject({ verdict: "healthy", findings: [] });

    stepped.setClockOffset(step);
    const report = await check(urls);
    expect(report.verdict).toBe("degraded");
    expect(codes(report)).toEqual([`warning clock ${place(stepped)}`]);
    expect(report.findings[0]?.found).toContain(step > 0 ? "3600 s ahead" : "3600 s behind");
  });

  it("does without two nodes, and not without three", async () => {
    await using five = await startRedisNodes(5, { persist: true });
    // A client that gives up at once: nothing has to be waited for.
    const once = { retryStrategy: () => null };
    const backends = await Promise.all(five.nodes.map(({ url }) => backendOf(url, {}, once)));
    const [one, two, three] = five.nodes;
    await Promise.all([one?.kill(), two?.kill()]);
    const degraded = await checkHealth(backends, PATIENT);
    expect(degraded.verdict).toBe("degraded");
    expect(degraded.findings.map(({ code }) => code)).toEqual(["unreachable", "unreachable"]);
    await three?.kill();
    const unhealthy = await checkHealth(backends, PATIENT);
    expect(unhealthy.verdict).toBe("unhealthy");
    expect(unhealthy.findings[0]).toMatchObject({ code: "no-majority", node: undefined });
    await Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
  });

  it("is examined as a whole through its backend", async () => {
    await using three = await startRedisNodes(3, { persist: true });
    const clients = await Promise.all(three.nodes.map(({ url }) => ioredis6.connect(url)));
    const quorum = quorumBackend(clients.map(({ driver }) => new RedisBackend(driver)));
    const report = await checkHealth(quorum, PATIENT);
    expect(report).toMatchObject({ verdict: "healthy", findings: [] });
    expect(report.nodes.map(({ name }) => name)).toEqual(three.nodes.map(place));
    for (const client of clients) client.close();
  });

  it("counts no server twice", async () => {
    await using redis = await startRedis({ persist: true });
    await using proxy = await startFaultyProxy(redis);
    const report = await check([redis.url, proxy.url]);
    expect(codes(report)).toEqual([`error same-server ${place(proxy)}`, "error no-majority undefined"]);
  });
});

describe.concurrent("checkHealth", () => {
  it("has nothing to ask of locks within the process", async () => {
    const report = await checkHealth(inProcessBackend());
    expect(report).toMatchObject({ verdict: "healthy", nodes: [{ status: "local", name: "in-process" }] });
  });

  it.each([
    [[], {}, "checkHealth needs a backend"],
    [null, {}, "checkHealth needs a backend"],
    [{}, {}, "checkHealth needs a backend"],
    [[inProcessBackend(), 1], {}, "checkHealth needs a backend"],
    [inProcessBackend(), { maxPing: 0 }, "maxPing must be"],
    [inProcessBackend(), { longestTtl: "1 s" }, "longestTtl must be"],
    [inProcessBackend(), { prefix: "*" }, "prefix must be"],
    [inProcessBackend(), { maxClockOffset: Number.NaN }, "maxClockOffset must be"],
  ])("refuses %o with %o", async (backend, options, message) => {
    const checked = checkHealth(backend as never, options as never);
    await expect(checked).rejects.toThrow(LockUsageError);
    await expect(checked).rejects.toThrow(message);
  });
});
