import { STEPS, stepWallClock } from "@lock/redis-harness/stepped-clock";
import { gate } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { lockMemory } from "../src/index.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
/** Of a loaded machine. */
const SLACK = 1_000;
const memory = () => ({ loadMemoryVariables: async () => ({}), saveContext: async () => {} });

describe.each(STEPS)("a wall clock that steps by %i ms", (step) => {
  it("while a turn waits changes neither how long it waits nor what it is told", async () => {
    const sessionId = scene.session();
    await scene.redis.set(`lock:{memory:${sessionId}}`, "theirs", "PX", 20_000);
    const locked = lockMemory(memory(), { locks: scene.locks, sessionId, wait: 400 });
    const start = performance.now();
    const waiting = locked.withTurn(() => 1).catch((error: unknown) => error);
    await expect.poll(async () => (await scene.others.inspect(`memory:${sessionId}`))?.waiting).toBe(1);
    using _ = stepWallClock(step);
    const { code, waited } = Object(await waiting);
    const passed = performance.now() - start;
    expect([code, passed < 400 + SLACK]).toEqual(["LOCK_TIMEOUT", true]);
    expect(waited).toBeGreaterThanOrEqual(399);
    expect(waited).toBeLessThanOrEqual(passed + 1);
    await scene.redis.del(`lock:{memory:${sessionId}}`);
  });

  it.each(["enqueue", "interrupt"] as const)(
    "while a turn lasts keeps its session for nobody: %s",
    async (onConcurrentTurn) => {
      const sessionId = scene.session();
      const options = { sessionId, wait: 5_000, interruptible: true, interruptGrace: 100 };
      const one = lockMemory(memory(), { locks: scene.locks, ...options });
      const two = lockMemory(memory(), { locks: scene.others, ...options, onConcurrentTurn });
      const [begun, finish] = [gate(), gate()];
      const first = one
        .withTurn(async () => {
          begun.open();
          await finish.opened;
        })
        // A clock that goes forward ends leases, as a suspended machine does.
        .catch((error: unknown) => error);
      await begun.opened;
      const second = two.withTurn(() => "turn");
      await expect.poll(async () => (await scene.others.inspect(`memory:${sessionId}`))?.waiting).toBe(1);
      using _ = stepWallClock(step);
      finish.open();
      const start = performance.now();
      expect(await second).toBe("turn");
      expect(performance.now() - start).toBeLessThan(1_000 + SLACK);
      await first;
      await expect.poll(() => scene.others.inspect(`memory:${sessionId}`)).toBeNull();
    },
  );

  it("while a stream is not read ends its turn neither sooner nor later", async () => {
    const sessionId = scene.session();
    const locked = lockMemory(memory(), { locks: scene.locks, sessionId, streamIdle: 400, ttl: 20_000 });
    const stream = await locked.withTurn(async function* () {
      yield "a";
      yield "b";
    });
    const start = performance.now();
    await stream.next();
    using _ = stepWallClock(Math.min(step, 5_000));
    await expect
      .poll(() => scene.others.inspect(`memory:${sessionId}`), { interval: 20, timeout: 400 + 2 * SLACK })
      .toBeNull();
    const passed = performance.now() - start;
    expect(passed).toBeGreaterThanOrEqual(399);
    await expect(stream.next()).rejects.toThrow(/was not read for 400 ms/);
  });
});
