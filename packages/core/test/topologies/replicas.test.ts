import { askForLines, askServer, type RedisServer, startRedis } from "@lock/redis-harness";
import { useCluster } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { createLocks, type Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, type Library, nodeRedis6, type TestClient } from "../support/clients.ts";

/** A master with a replica, one that is careful to have all grants replicated, and one that is not. */
class Scene implements AsyncDisposable {
  readonly careful: Locks;
  readonly careless: Locks;

  private constructor(
    readonly master: RedisServer,
    readonly replica: RedisServer,
    private readonly clients: readonly [TestClient, TestClient],
  ) {
    const [one, two] = clients;
    this.careful = createLocks({ backend: one.backend({ minReplicas: 1 }) });
    this.careless = createLocks({ backend: two.backend() });
  }

  static async open({ connect }: Library): Promise<Scene> {
    // Without it, a replica that comes has to wait for others that may.
    const [master, replica] = await Promise.all(
      [1, 2].map(() => startRedis({ args: ["--repl-diskless-sync-delay", "0"] })),
    );
    if (master === undefined || replica === undefined) throw new Error("two servers were asked for");
    await askServer(replica.port, "REPLICAOF", master.host, String(master.port));
    const scene = new Scene(master, replica, [await connect(master.url), await connect(master.url)]);
    await scene.isFed();
    return scene;
  }

  async isFed(): Promise<void> {
    await eventually("a replica that is fed", async () => {
      const lines = await askForLines(this.replica.port, "INFO", "replication");
      return lines.includes("master_link_status:up") ? true : undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.careful.close(), this.careless.close()]);
    for (const client of this.clients) client.close();
    await Promise.all([this.master.stop(), this.replica.stop()]);
  }
}

const LIBRARIES = [ioredis6, nodeRedis6];

describe("replicas", () => {
  const cluster = useCluster();

  describe.each(LIBRARIES)("$name", (library) => {
    it("in a cluster, the replicas of the key's master are asked", async () => {
      const client = await library.connectCluster(cluster().urls);
      const locks = createLocks({ backend: client.backend({ minReplicas: 1 }) });
      const tooMany = createLocks({ backend: client.backend({ minReplicas: 2 }) });
      // One after the other: WAIT holds up all that is sent to the same node after it.
      for (const part of ["a", "b", "c", "d"]) {
        const key = `${part} ${library.name}`;
        await locks.using(key, () => undefined);
        await expect(tooMany.acquire(key, { wait: 0 })).rejects.toThrow(/1 of 2 replicas/);
      }
      await Promise.all([locks.close(), tooMany.close()]);
      client.close();
    });
  });
});

describe.concurrent.each(LIBRARIES)("replicas, $name", (library) => {
  it("a grant counts when a replica knows of it", async () => {
    await using scene = await Scene.open(library);
    const { careful, replica } = scene;
    const leases = await Promise.all(["a", "b", "c"].map((part) => careful.acquire(`known ${part}`)));
    const known = await askForLines(replica.port, "KEYS", "lock:{known ?}");
    // The answer begins with how many there are.
    expect(known.filter((line) => line.startsWith("lock:")).length).toBe(leases.length);
    await Promise.all(leases.map((lease) => lease.release()));
  });

  it("is given back when none does, and the error says what to do", async () => {
    await using scene = await Scene.open(library);
    const { careful, careless, replica } = scene;
    replica.pause();
    const refused = careful.acquire("unknown", { wait: 0 });
    await expect(refused).rejects.toThrow(/0 of 1 replicas \(minReplicas\).*within 500 ms/);
    await expect(refused).rejects.toMatchObject({ code: "LOCK_BACKEND", retryable: true });
    await eventually("given back", async () =>
      (await careless.inspect("unknown")) === null ? true : undefined,
    );
    const waiting = careful.acquire("unknown", { wait: 30_000 });
    replica.resume();
    await (await waiting).release();
  });

  it("so is one that was handed over", async () => {
    await using scene = await Scene.open(library);
    const { careful, careless, replica } = scene;
    const held = await careless.acquire("handed");
    let granted = false;
    const waiting = careful.acquire("handed", { wait: 30_000 }).finally(() => {
      granted = true;
    });
    await eventually("a waiter", async () =>
      (await careless.inspect("handed"))?.waiting === 1 ? true : undefined,
    );
    replica.pause();
    await held.release();
    await eventually("a free key", async () =>
      (await careless.inspect("handed"))?.holding ? undefined : true,
    );
    expect(granted).toBe(false);
    replica.resume();
    await (await waiting).release();
  });

  it("a master that becomes a replica for a while is a delay to who waits", async () => {
    await using scene = await Scene.open(library);
    const { careless, master, replica } = scene;
    await careless.using("delayed", () => undefined);
    await askServer(master.port, "REPLICAOF", replica.host, String(replica.port));
    await expect(careless.acquire("delayed", { wait: 0 })).rejects.toThrow(/READONLY.*replica/);
    const waiting = careless.acquire("delayed", { wait: 30_000 });
    await askServer(master.port, "REPLICAOF", "NO", "ONE");
    await (await waiting).release();
    await scene.isFed();
  });
});
