import { startRedis } from "@lock/redis-harness";
import { describe, expect, expectTypeOf, it } from "vitest";
import { inProcessBackend } from "../../src/in-process.ts";
import { createLocks, type LocksWithoutPermits, LockUsageError } from "../../src/index.ts";
import { type QuorumBackendOptions, quorumBackend } from "../../src/quorum.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, nodeRedis6, type TestClient } from "../support/clients.ts";
import { serveAllSlots } from "../support/cluster-of-one.ts";
import { openQuorum } from "../support/quorum.ts";
import { found, openSites, type Sites } from "../support/quorum-sites.ts";

const three = () => openSites(3, { persist: true });
const urlsOf = (sites: Sites) => sites.all.map(({ server }) => server.url);

describe.concurrent("a quorum refuses", () => {
  it.each<[string, (one: string, two: string, three: string) => string[]]>([
    ["a server that is given twice", (one, two) => [one, two, one]],
    ["two databases of one server", (one, two) => [one, two, `${two}/3`]],
    ["one server three times", (_one, _two, three) => [three, three, three]],
  ])("%s", async (_, given) => {
    await using sites = await three();
    const [one = "", two = "", last = ""] = urlsOf(sites);
    await using quorum = await openQuorum(given(one, two, last));
    const locks = createLocks({ backend: quorum.backend });
    // A node that joins a quorum of others is known a little later.
    const refusal = await eventually("it is refused", () =>
      locks.using("twice", () => undefined).catch((error: unknown) => error),
    );
    expect(refusal).toBeInstanceOf(LockUsageError);
    expect(refusal).toMatchObject({ message: expect.stringMatching(/node \d.*node \d.*same server/) });
    await expect(locks.acquire("twice")).rejects.toThrow(LockUsageError);
    await locks.close();
  });

  it("two databases of one server that joined in different runs of it", async () => {
    await using sites = await three();
    await found(sites);
    const { server } = sites.at(1);
    await server.kill();
    await server.restart();
    await using quorum = await openQuorum([...urlsOf(sites).slice(0, 2), `${server.url}/4`]);
    const locks = createLocks({ backend: quorum.backend });
    await eventually("it is refused", () =>
      locks
        .using("twice", () => undefined)
        .catch((error: unknown) => (error instanceof LockUsageError ? true : undefined)),
    );
    await locks.close();
  });

  it("a client of a Redis Cluster, by either library", async () => {
    await using sites = await three();
    await using cluster = await startRedis({ args: ["--cluster-enabled", "yes"] });
    await serveAllSlots(cluster);
    for (const library of [ioredis6, nodeRedis6]) {
      const clients: TestClient[] = [
        await library.connectCluster([cluster.url]),
        ...(await Promise.all(urlsOf(sites).map((url) => library.connect(url)))),
      ];
      const backends = clients.map((client) => client.backend());
      expect(() => quorumBackend(backends)).toThrow(/backend 1 .* Redis Cluster/);
      for (const client of clients) client.close();
    }
  });

  it("permits, by type and at run time", async () => {
    await using sites = await three();
    const { locks } = await found(sites);
    expectTypeOf(locks).toEqualTypeOf<LocksWithoutPermits>();
    // @ts-expect-error: a quorum has no semaphores
    expect(() => locks.semaphore("permits", { permits: 2 })).toThrow(LockUsageError);
    // @ts-expect-error: nor pools
    expect(() => locks.pool("permits", { size: 2 })).toThrow(/a pool/);
  });

  it.each<[string, QuorumBackendOptions]>([
    ["nodeTimeout", { nodeTimeout: 0 }],
    ["nodeTimeout", { nodeTimeout: 1.5 }],
    ["nodeTimeout", { nodeTimeout: 60_001 }],
    ["drift", { drift: -0.1 }],
    ["drift", { drift: 0.6 }],
    ["drift", { drift: Number.NaN }],
    ["durable", { durable: "no" as never }],
    ["maxTtl", { maxTtl: 0 }],
    ["maxTtl", { maxTtl: Number.POSITIVE_INFINITY }],
  ])("a bad %s: %o", (name, options) => {
    const nodes = [inProcessBackend(), inProcessBackend(), inProcessBackend()];
    expect(() => quorumBackend(nodes, options)).toThrow(LockUsageError);
    expect(() => quorumBackend(nodes, options)).toThrow(name);
  });

  it("too few nodes, and the same backend twice", () => {
    const node = inProcessBackend();
    expect(() => quorumBackend([])).toThrow(/at least 2/);
    expect(() => quorumBackend([node])).toThrow(/at least 2/);
    expect(() => quorumBackend([node, inProcessBackend(), node])).toThrow(/backend 3 .* twice/);
  });

  it("a ttl beyond maxTtl, before anything is sent", async () => {
    await using sites = await three();
    const { locks } = await found(sites, { maxTtl: 5_000 });
    await expect(locks.acquire("long", { ttl: 5_001 })).rejects.toThrow(LockUsageError);
    const lease = await locks.acquire("long", { ttl: 5_000 });
    await expect(lease.extend(5_001)).rejects.toThrow(LockUsageError);
    await lease.release();
  });

  it.each([{ limit: -1 }, { limit: 0.5 }, { delay: -1 }, { jitter: 1.5 }])("retry: %o", async (retry) => {
    await using sites = await three();
    const { locks } = await found(sites);
    await expect(locks.acquire("retried", { retry })).rejects.toThrow(LockUsageError);
  });
});
