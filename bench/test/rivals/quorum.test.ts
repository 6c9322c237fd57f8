import { startFaultyProxy, startRedisNodes } from "@lock/redis-harness";
import type { Redis } from "ioredis5";
import { RedlockMutex } from "redis-semaphore";
import { createRedlock, IoredisAdapter } from "redlock-universal";
import Redlock from "redlock5";
import { describe, expect, it } from "vitest";
import { asPeerClient } from "../../src/contestants/clients.ts";
import { useClients } from "../support/clients.ts";

const connect = useClients();

describe("a quorum of three", () => {
  const quorums = [
    {
      name: "redlock 5",
      key: "late",
      acquire: (clients: readonly Redis[], ttl: number) =>
        new Redlock(clients, { retryCount: 0 }).acquire(["late"], ttl),
    },
    {
      name: "redis-semaphore",
      key: "mutex:late",
      acquire: (clients: readonly Redis[], lockTimeout: number) => {
        const options = { lockTimeout, refreshInterval: 0, acquireAttemptsLimit: 1 };
        return new RedlockMutex([...clients].map(asPeerClient<never>), "late", options).acquire();
      },
    },
    {
      name: "redlock-universal",
      key: "late",
      acquire: (clients: readonly Redis[], ttl: number) => {
        const adapters = clients.map((client) => IoredisAdapter.from(asPeerClient(client)));
        return createRedlock({ adapters, key: "late", ttl, retryAttempts: 0 }).acquire();
      },
    },
  ];

  /** Acquires for 200 ms over lines that take 300 ms each way: on how many nodes the key is when it is granted. */
  async function lateGrant({ acquire, key }: (typeof quorums)[number]): Promise<number> {
    await using servers = await startRedisNodes(3);
    const proxies = await Promise.all(servers.nodes.map((node) => startFaultyProxy(node)));
    const clients = proxies.map(({ url }) => connect(url));
    await Promise.all(clients.map((client) => client.ping()));
    for (const proxy of proxies) proxy.delay(300);
    try {
      await acquire(clients, 200);
      const there = await Promise.all(servers.nodes.map(({ url }) => connect(url).exists(key)));
      return there.filter((count) => count > 0).length;
    } finally {
      for (const client of clients) client.disconnect();
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    }
  }

  it.each(quorums.slice(0, 2))("$name grants what has ended when its answers come", async (quorum) => {
    expect(await lateGrant(quorum)).toBe(0);
  });

  it.each(quorums.slice(2))("$name grants no such thing", async (quorum) => {
    await expect(lateGrant(quorum)).rejects.toThrow("Failed to acquire lock");
  });
});
