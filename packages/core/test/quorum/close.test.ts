import { type FaultyProxy, startFaultyProxy } from "@lock/redis-harness";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../src/contract/clock.ts";
import { createLocks } from "../../src/index.ts";
import { quorumBackend } from "../../src/quorum.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6 } from "../support/clients.ts";
import { useNodes } from "../support/quorum.ts";

/** The machine's clock, and the timers that are set. */
function countedClock(): Clock & { readonly timers: Set<object> } {
  const timers = new Set<object>();
  return {
    timers,
    now: () => systemClock.now(),
    afterReads: systemClock.afterReads,
    setTimer: (callback, ms, keepAlive) => {
      const id = {};
      timers.add(id);
      const fire = () => {
        timers.delete(id);
        callback();
      };
      const timer = systemClock.setTimer(fire, ms, keepAlive);
      return {
        cancel: () => {
          timers.delete(id);
          timer.cancel();
        },
      };
    },
  };
}

describe("a quorum that is closed", () => {
  const nodes = useNodes(3);
  let proxies: FaultyProxy[];
  beforeAll(async () => {
    proxies = await Promise.all(nodes.nodes.map((node) => startFaultyProxy(node)));
  });
  afterAll(() => Promise.all(proxies.map((proxy) => proxy.stop())));

  it("leaves no timer, although nothing could be undone at its nodes", async () => {
    const clock = countedClock();
    const clients = await Promise.all(proxies.map(({ url }) => ioredis6.connect(url)));
    const backends = clients.map((client) => client.backend({ clock, requestTimeout: 500 }));
    const locks = createLocks({ backend: quorumBackend(backends, { nodeTimeout: 500 }) });
    await locks.using("founding", { wait: 5_000 }, () => undefined);
    const held = await locks.acquire("key", { ttl: 60_000, renew: false });
    const waiting = locks.acquire("key", { wait: 300, ttl: 60_000 }).catch(({ code }) => code);
    await eventually("a waiter", async () => ((await locks.inspect("key"))?.waiting ? true : undefined));
    for (const proxy of proxies) proxy.refuse();
    expect(await waiting).toMatch(/LOCK_(TIMEOUT|QUORUM)/);
    await held.release().catch(() => undefined);
    await locks.close();
    for (const client of clients) client.close();
    // What is under way ends with its time. Retries would go on for as long as the ttl.
    await eventually("no timer", () => (clock.timers.size === 0 ? true : undefined), 10_000);
  }, 30_000);
});
