import { useRedis } from "@lock/redis-harness/vitest";
import { afterEach, describe, expect, it, vi } from "vitest";
import { inProcessBackend } from "../src/in-process.ts";
import { createLocks, type LockBackend } from "../src/index.ts";
import { libraries, type TestClient } from "./support/clients.ts";

const redis = useRedis();
const clients: TestClient[] = [];

afterEach(() => {
  vi.useRealTimers();
  for (const client of clients.splice(0)) client.close();
});

interface Case {
  readonly name: string;
  backend(): Promise<LockBackend>;
  readonly fake: () => void;
}

const all = () => vi.useFakeTimers();
// node-redis sends by setImmediate itself.
const allThatWait = () =>
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "Date", "performance"] });

const cases: readonly Case[] = [
  { name: "in process", backend: async () => inProcessBackend(), fake: all },
  ...libraries.map(({ name, connect }) => ({
    name,
    async backend() {
      const client = await connect(redis.url);
      clients.push(client);
      await client.command("PING");
      return client.backend();
    },
    fake: name.startsWith("node-redis") ? allThatWait : all,
  })),
];

describe.each(cases)("under the fake timers of a test runner, $name", ({ name, backend, fake }) => {
  it("locks are granted, refused and released", async () => {
    const locks = createLocks({ backend: await backend() });
    fake();
    const lease = await locks.acquire(name);
    expect(await locks.tryAcquire(name)).toBeNull();
    expect(await lease.release()).toBe("released");
    await locks.close();
  });

  it("a lease is renewed, and lost, as the test lets time pass", async () => {
    const locks = createLocks({ backend: await backend() });
    fake();
    const renewed = await locks.acquire(`${name}-1`, { ttl: 30_000 });
    const lost = await locks.acquire(`${name}-2`, { ttl: 30_000, renew: false });
    const extended = new Promise((resolve) => locks.on("extended", resolve));
    await vi.advanceTimersByTimeAsync(10_000);
    await extended;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(lost.signal.reason).toMatchObject({ code: "LOCK_LOST", reason: "expired" });
    renewed.assertHeld();
    await locks.close();
  });
});
