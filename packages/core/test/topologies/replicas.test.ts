import { askForLines, askServer } from "@lock/redis-harness";
import { useCluster, useRedis } from "@lock/redis-harness/vitest";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createLocks, type Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, nodeRedis6, type TestClient } from "../support/clients.ts";

const master = useRedis();
const replica = useRedis();
const cluster = useCluster();

beforeAll(async () => {
  await askServer(replica.server.port, "REPLICAOF", master.server.host, String(master.server.port));
  await isFed();
});

async function isFed(): Promise<void> {
  await eventually("a replica that is fed", async () => {
    const lines = await askForLines(replica.server.port, "INFO", "replication");
    return lines.includes("master_link_status:up") ? true : undefined;
  });
}

let made = 0;

for (const library of [ioredis6, nodeRedis6]) {
  describe(`replicas, ${library.name}`, () => {
    let clients: TestClient[];
    let careful: Locks;
    let careless: Locks;
    let key: string;

    beforeEach(async () => {
      key = `replicated ${made++}`;
      clients = [await library.connect(master.url), await library.connect(master.url)];
      const [one, two] = clients;
      if (one === undefined || two === undefined) throw new Error("two clients were asked for");
      careful = createLocks({ backend: one.backend({ minReplicas: 1 }) });
      careless = createLocks({ backend: two.backend() });
    });
    afterEach(async () => {
      await Promise.all([careful.close(), careless.close()]);
      for (const client of clients) client.close();
    });

    it("a grant counts when a replica knows of it", async () => {
      const leases = await Promise.all(["a", "b", "c"].map((part) => careful.acquire(`${key} ${part}`)));
      const known = await askForLines(replica.server.port, "KEYS", `lock:{${key} ?}`);
      // The answer begins with how many there are.
      expect(known.filter((line) => line.startsWith("lock:")).length).toBe(leases.length);
      await Promise.all(leases.map((lease) => lease.release()));
    });

    it("is given back when none does, and the error says what to do", async () => {
      replica.server.pause();
      const refused = careful.acquire(key, { wait: 0 });
      await expect(refused).rejects.toThrow(/0 of 1 replicas \(minReplicas\).*within 500 ms/);
      await expect(refused).rejects.toMatchObject({ code: "LOCK_BACKEND", retryable: true });
      await eventually("given back", async () => ((await careless.inspect(key)) === null ? true : undefined));
      const waiting = careful.acquire(key, { wait: 30_000 });
      replica.server.resume();
      await (await waiting).release();
    });

    it("so is one that was handed over", async () => {
      const held = await careless.acquire(key);
      let granted = false;
      const waiting = careful.acquire(key, { wait: 30_000 }).finally(() => {
        granted = true;
      });
      await expect.poll(async () => (await careless.inspect(key))?.waiting).toBe(1);
      replica.server.pause();
      await held.release();
      await expect.poll(async () => (await careless.inspect(key))?.holding ?? 0).toBe(0);
      expect(granted).toBe(false);
      replica.server.resume();
      await (await waiting).release();
    });

    it("a master that becomes a replica for a while is a delay to who waits", async () => {
      await careless.using(key, () => undefined);
      await askServer(master.server.port, "REPLICAOF", replica.server.host, String(replica.server.port));
      await expect(careless.acquire(key, { wait: 0 })).rejects.toThrow(/READONLY.*replica/);
      const waiting = careless.acquire(key, { wait: 30_000 });
      await askServer(master.server.port, "REPLICAOF", "NO", "ONE");
      await (await waiting).release();
      await isFed();
    });

    it("in a cluster, the replicas of the key's master are asked", async () => {
      const client = await library.connectCluster(cluster().urls);
      const locks = createLocks({ backend: client.backend({ minReplicas: 1 }) });
      const tooMany = createLocks({ backend: client.backend({ minReplicas: 2 }) });
      for (const each of ["a", "b", "c", "d"]) {
        await locks.using(each, () => undefined);
        await expect(tooMany.acquire(each, { wait: 0 })).rejects.toThrow(/1 of 2 replicas/);
      }
      await Promise.all([locks.close(), tooMany.close()]);
      client.close();
    });
  });
}
