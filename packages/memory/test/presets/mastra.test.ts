import { gate } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { lockMemory, mastraThreadLock } from "../../src/index.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();

describe("a thread lock", () => {
  it("keeps a thread to one process, and gives it to the next", async () => {
    const thread = scene.session();
    const one = mastraThreadLock({ locks: scene.locks });
    const two = mastraThreadLock({ locks: scene.others });
    await one.acquire(thread);
    await expect(two.acquire(thread)).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    await expect(one.acquire(thread)).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    await one.release(thread);
    await two.acquire(thread);
    await two.release(thread);
    await expect(two.release(thread)).rejects.toThrow(/is not held by this process/);
  });

  it("is the lock of the turns of that session", async () => {
    const thread = scene.session();
    const lock = mastraThreadLock({ locks: scene.locks });
    await lock.acquire(thread);
    const memory = { read: async () => 1 };
    const locked = lockMemory(memory, {
      locks: scene.others,
      sessionId: thread,
      methods: { read: ["read"] },
    });
    await expect(locked.withTurn(() => 1, { wait: 0 })).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    await lock.release(thread);
    expect(await locked.withTurn(() => 1, { wait: 0 })).toBe(1);
  });

  it("tells when a thread was lost", async () => {
    const thread = scene.session();
    const lost = gate();
    const told: unknown[] = [];
    const onLost = (...args: unknown[]) => {
      told.push(...args);
      lost.open();
    };
    const lock = mastraThreadLock({ locks: scene.locks, ttl: 600, onLost });
    await lock.acquire(thread);
    await scene.others.forceRelease(`memory:${thread}`);
    await lost.opened;
    expect(told).toEqual([thread, expect.objectContaining({ code: "LOCK_LOST" })]);
    await lock.release(thread);
  });

  it("needs a thread", async () => {
    const lock = mastraThreadLock({ locks: scene.locks });
    await expect(lock.acquire("")).rejects.toThrow(/session id must be a text that is not empty/);
    expect(() => mastraThreadLock({} as never)).toThrow(/locks must be what createLocks returns/);
  });
});
