import { setTimeout as pause } from "node:timers/promises";
import { createLocks, LockUsageError } from "@lock/core";
import { checkHealth } from "@lock/core/health";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import {
  askForLines,
  askServer,
  type RedisServer,
  startBalancer,
  startCluster,
  startRedis,
  startSentinel,
} from "@lock/redis-harness";
import { Cluster, Redis } from "ioredis";
import { createClient, createClientPool } from "redis";
import { describe, it } from "vitest";
import { eventually, failure, waiting } from "./support/await.ts";
import { type Process, useScene } from "./support/scene.ts";

const scene = useScene();

/** Milliseconds from the release of one process to the grant of another that waits. */
async function handOver(from: Process, to: Process, key: string): Promise<number> {
  const lease = await from.locks.acquire(key);
  const next = to.locks.acquire(key, { wait: "forever" });
  await waiting(from.locks, key);
  const start = performance.now();
  await lease.release();
  await (await next).release();
  return performance.now() - start;
}

/** Far below what a waiter loses that hears nothing, which is up to half a second. */
const FAST = 200;

/** Hand-overs become fast, in both directions, and stay so for a while. */
async function becomeFast(one: Process, two: Process): Promise<void> {
  const end = performance.now() + 30_000;
  for (let turn = 0, fast = 0; fast < 6; turn++) {
    if (performance.now() > end) throw new Error("hand-overs did not become fast within 30 s");
    const took = await (turn % 2 ? handOver(two, one, "handed over") : handOver(one, two, "handed over"));
    fast = took < FAST ? fast + 1 : 0;
  }
}

async function follow(replica: RedisServer, { port, host }: RedisServer): Promise<void> {
  await askServer(port, "CONFIG", "SET", "repl-diskless-sync-delay", "0");
  await askServer(replica.port, "REPLICAOF", host, String(port));
  await eventually("a replica that is fed", async () =>
    (await askForLines(replica.port, "INFO", "replication")).includes("master_link_status:up"),
  );
}

describe.concurrent("managed servers", () => {
  it("langfuse/langfuse#5906, taskforcesh/bullmq#2216, redis/ioredis#1892, medplum/medplum#9412, zotero/zotero#1252: a plain client on a server in cluster mode fails with CROSSSLOT under load", async ({
    expect,
  }) => {
    await using server = await startRedis({ args: ["--cluster-enabled", "yes"] });
    await askServer(server.port, "CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await eventually("it serves", async () =>
      (await askServer(server.port, "CLUSTER", "INFO")).includes("cluster_state:ok"),
    );
    const { locks } = scene.open({ url: server.url });
    const keys = Array.from({ length: 50 }, (_, at) => `key ${at}`);
    const leases = await Promise.all(keys.map((key) => locks.acquire(key)));
    await Promise.all(leases.map((lease) => lease.release()));
    expect(await locks.using(["a", "b", "c"], ({ keys }) => keys)).toEqual(["a", "b", "c"]);
    const client = new Redis(server.url);
    const { nodes } = await checkHealth(ioredisBackend(client));
    expect(nodes[0]).toMatchObject({ facts: { clusterEnabled: true, clusterClient: false } });
    client.disconnect();
    await locks.close();
  });

  it("spring-projects/spring-integration#10471: a server that refuses PUBLISH in scripts fails the release, after the lock was freed", async ({
    expect,
  }) => {
    await using server = await startRedis();
    await askServer(server.port, "ACL", "SETUSER", "default", "-publish");
    const [one, two] = [scene.open({ url: server.url }), scene.open({ url: server.url })];
    const lease = await one.locks.acquire("key", { ttl: 60_000 });
    const next = two.locks.acquire("key", { wait: "forever" });
    await waiting(one.locks, "key");
    expect(await lease.release()).toBe("released");
    expect(await (await next).release()).toBe("released");
    await Promise.all([one.locks.close(), two.locks.close()]);
  });

  it("StackExchange/StackExchange.Redis#1328, redis/ioredis#1936, socketio/socket.io-redis-adapter#267: PUBLISH says that nobody listens, since the listener is on another node", async ({
    expect,
  }) => {
    await using master = await startRedis();
    await using other = await startRedis();
    await follow(other, master);
    // As proxies do: the first connection of a client reaches one node, and the one that listens another.
    await using first = await startBalancer(master);
    await using second = await startBalancer(master);
    for (const balancer of [first, second])
      balancer.route((connection) => (connection === 0 ? master : other));
    const [one, two] = [scene.open({ url: first.url }), scene.open({ url: second.url })];
    await becomeFast(one, two);
    let [inside, most] = [0, 0];
    const work = [one, two, one, two].map(async ({ locks }) => {
      for (let turn = 0; turn < 5; turn++) {
        await locks.using("contended", { wait: "forever" }, async () => {
          most = Math.max(most, ++inside);
          await pause(2);
          inside -= 1;
        });
      }
    });
    await Promise.all(work);
    expect(most).toBe(1);
    await Promise.all([one.locks.close(), two.locks.close()]);
  });

  it("mike-marcacci/node-redlock#287, redisson/redisson#2734: where scripts are forbidden, the error does not say so", async ({
    expect,
  }) => {
    await using server = await startRedis();
    await askServer(server.port, "ACL", "SETUSER", "default", "-eval", "-evalsha");
    const { locks } = scene.open({ url: server.url });
    const refused = await failure(locks.acquire("key"));
    expect(refused).toMatchObject({ code: "LOCK_BACKEND" });
    expect(String(refused)).toMatch(/lacks \+eval/);
    await locks.close();
  });

  it("redisson/redisson#4706, redisson/redisson#4822: the check of the replicas counts those of the old master after a failover", async ({
    expect,
  }) => {
    await using a = await startRedis();
    await using b = await startRedis();
    await follow(b, a);
    await using balancer = await startBalancer(a);
    const { locks } = scene.open({ url: balancer.url, backend: { minReplicas: 1 } });
    await locks.using("before", () => undefined);
    await askServer(b.port, "REPLICAOF", "NO", "ONE");
    await follow(a, b);
    balancer.route(() => b);
    for (const connection of balancer.open()) balancer.cut(connection);
    expect(await locks.using("after", { wait: 10_000 }, () => "worked")).toBe("worked");
    await locks.close();
  });
});

describe.concurrent("clients", () => {
  it("mx-space/core#2619, redis/ioredis#945, redis/ioredis#625, redis/ioredis#1123: without an offline queue the connection that listens never subscribes", async () => {
    const options = { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: 1_000 };
    const [one, two] = [scene.open({ redis: options }), scene.open({ redis: options })];
    for (const { client } of [one, two]) await eventually("ready", () => client.status === "ready");
    await becomeFast(one, two);
  });

  it("redis/node-redis#2936: a pool of clients has neither a subscriber nor one connection for a lock", async ({
    expect,
  }) => {
    const pool = createClientPool({ url: scene.url });
    await pool.connect();
    expect(() => nodeRedisBackend(pool as never)).toThrow(LockUsageError);
    expect(() => nodeRedisBackend(pool as never)).toThrow(/pool/i);
    await pool.close();
  });

  it("swarthy/redis-semaphore#25: with a client of node-redis every caller gets the lock", async ({
    expect,
  }) => {
    const client = await createClient({ url: scene.url }).connect();
    const locks = createLocks({ backend: nodeRedisBackend(client) });
    const key = scene.key();
    const lease = await locks.acquire(key);
    for (const other of [locks, scene.open().locks]) expect(await other.tryAcquire(key)).toBeNull();
    expect(await lease.release()).toBe("released");
    await locks.close();
    client.destroy();
  });

  it("valkey-io/valkey#1537, symfony/symfony#59387: a server that has forgotten the scripts never grants a lock", async ({
    expect,
  }) => {
    await using server = await startRedis();
    const urls = { url: server.url };
    const second = await createClient({ ...urls, RESP: 2 }).connect();
    const third = await createClient({ ...urls, RESP: 3 }).connect();
    const backends = [second, third].map((client) => nodeRedisBackend(client as typeof third));
    const all = [
      scene.open({ ...urls, redis: { protocol: 2 } }).locks,
      scene.open({ ...urls, redis: { protocol: 3 } }).locks,
      ...backends.map((backend) => createLocks({ backend })),
    ];
    for (const locks of all) {
      for (let turn = 0; turn < 2; turn++) {
        await askServer(server.port, "SCRIPT", "FLUSH");
        const lease = await locks.acquire("key", { wait: 0 });
        await askServer(server.port, "SCRIPT", "FLUSH");
        expect(await lease.release()).toBe("released");
      }
    }
    await Promise.all(all.map((locks) => locks.close()));
    second.destroy();
    third.destroy();
  });

  it("@sesamecare-oss/redlock: a lock of a client of database 3 lands in database 0", async ({ expect }) => {
    const [third, zeroth] = [scene.open({ redis: { db: 3 } }), scene.open()];
    const key = scene.key();
    const lease = await third.locks.acquire(key);
    const keys = await Promise.all([third, zeroth].map(({ client }) => client.exists(`lock:{${key}}`)));
    expect(keys).toEqual([1, 0]);
    await zeroth.locks.using(key, { wait: 0 }, () => undefined);
    await lease.release();
  });

  it("@sesamecare-oss/redlock: it defines commands on the client of its user", async ({ expect }) => {
    const client = new Redis(scene.url);
    const names = () => [client, Object.getPrototypeOf(client)].map((of) => Object.getOwnPropertyNames(of));
    await client.ping();
    const before = names();
    const locks = createLocks({ backend: ioredisBackend(client) });
    await locks.using(scene.key(), () => undefined);
    expect(names()).toEqual(before);
    await locks.close();
    client.disconnect();
  });
});

describe.concurrent("topologies", () => {
  it("redlock-universal: on a cluster whose nodes do not know the scripts, half of the releases fail", async ({
    expect,
  }) => {
    await using cluster = await startCluster();
    const client = new Cluster([...cluster.urls]).on("error", () => undefined);
    const locks = createLocks({ backend: ioredisBackend(client) });
    const forget = async () => {
      for (const { port } of cluster.servers) await askServer(port, "SCRIPT", "FLUSH");
    };
    const ends: string[] = [];
    for (let at = 0; at < 10; at++) {
      await forget();
      const lease = await locks.acquire(`key ${at}`);
      await forget();
      ends.push(await lease.release());
    }
    expect(ends).toEqual(ends.map(() => "released"));
    await locks.close();
    client.disconnect();
  });

  it("redisson/redisson#6026: after a restart of all Sentinels and servers the waiters hear nothing more", async () => {
    await using sentinel = await startSentinel();
    const { name, sentinels } = sentinel;
    const open = (): Process => {
      const client = new Redis({ name, sentinels: [...sentinels], retryStrategy: () => 100 });
      client.on("error", () => undefined);
      return { client, locks: createLocks({ backend: ioredisBackend(client) }) };
    };
    const [one, two] = [open(), open()];
    await becomeFast(one, two);
    await sentinel.restart();
    await becomeFast(one, two);
    await Promise.all([one.locks.close(), two.locks.close()]);
    for (const { client } of [one, two]) client.disconnect();
  });
});
