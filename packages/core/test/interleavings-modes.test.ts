import { fewOrMany, useRedis } from "@lock/redis-harness/vitest";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as scripts from "../src/backends/redis/lua/index.ts";
import { RedisBackend } from "../src/backends/redis/redis-backend.ts";
import { inProcessBackend } from "../src/in-process.ts";
import { createLocks } from "../src/index.ts";
import { eventually } from "../src/testing/test-api.ts";
import { FakeClock, FaultyBackend } from "../src/testing.ts";
import { ioredis6, nodeRedis6, type TestClient } from "./support/clients.ts";
import { anyStep, ModesScene, type World } from "./support/modes-scene.ts";

/** In process, on a clock that stands still between steps. */
function quietWorld(): World {
  const clock = new FakeClock();
  const backend = new FaultyBackend(inProcessBackend({ clock }));
  const locks = createLocks({ backend });
  return {
    locks: [locks],
    advance: (ms) => clock.advance(ms),
    block: (ms) => clock.block(ms),
    fault: (method, kind) => backend[kind](method),
    end: async (keys) => {
      backend.heal();
      const closing = locks.close();
      await clock.advance(3_000);
      await closing;
      for (const key of keys) expect(await backend.admin.inspect({ prefix: "lock", key })).toBeNull();
      expect(clock.pending).toBe(0);
    },
  };
}

const numRuns = fewOrMany(500, 40_000);

it(`all modes, several keys and tickets, with faults and blocked loops, in ${numRuns} random orders`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 4, maxLength: 30 }), async (steps) => {
      const scene = new ModesScene(quietWorld());
      for (const now of steps) await scene.take(now);
      await scene.end();
    }),
    { numRuns },
  );
}, 900_000);

const redis = useRedis();
const clients: TestClient[] = [];
beforeAll(async () => {
  clients.push(await ioredis6.connect(redis.url), await nodeRedis6.connect(redis.url));
});
afterAll(() => {
  for (const client of clients) client.close();
});

let made = 0;

const scriptOf = {
  tryAcquire: scripts.acquireScript.sha,
  extend: scripts.extendScript.sha,
  release: scripts.releaseScript.sha,
  cancel: scripts.cancelScript.sha,
  adopt: scripts.extendScript.sha,
};

/** Two processes on a real server, in real time. */
function realWorld(): World {
  const prefix = `world${made++}`;
  const faults = new Map<string, "fail" | "loseAnswer">();
  const open = ({ driver }: TestClient) => {
    const evalsha: typeof driver.evalsha = async (sha, keys, args) => {
      const fault = faults.get(sha);
      faults.delete(sha);
      if (fault !== "fail") {
        const answer = await driver.evalsha(sha, keys, args);
        if (fault === undefined) return answer;
      }
      throw new Error("connection lost");
    };
    return createLocks({ backend: new RedisBackend({ ...driver, evalsha }), prefix });
  };
  const [one, two] = clients.map(open);
  if (one === undefined || two === undefined) throw new Error("two clients were asked for");
  return {
    locks: [one, two],
    advance: (ms) => new Promise((resume) => setTimeout(resume, ms)),
    // All sequences that run at one time stand still.
    block: () => undefined,
    fault: (method, kind) => void faults.set(scriptOf[method], kind),
    end: async (keys) => {
      faults.clear();
      await Promise.all([one.close(), two.close()]);
      const [admin] = clients;
      await eventually(`nothing is left of ${keys.join(", ")}`, async () => {
        const left = ((await admin?.command("KEYS", `${prefix}:*`)) ?? []) as string[];
        return left.every((key) => /:(fence|liveness)$/.test(key)) ? true : undefined;
      });
    },
  };
}

/** Who is granted what at the moment of a forced release is known to the server only. */
const calmStep = anyStep.filter((now) => now.do !== "force");
const realRuns = fewOrMany(5, 80);

it(`the same on a real server, in real time, ${realRuns} times 10 random orders`, async () => {
  const orders = fc.array(fc.array(calmStep, { minLength: 10, maxLength: 30 }), {
    minLength: 10,
    maxLength: 10,
  });
  await fc.assert(
    fc.asyncProperty(orders, async (all) => {
      await Promise.all(
        all.map(async (steps) => {
          const scene = new ModesScene(realWorld());
          for (const now of steps) await scene.take(now);
          await scene.end();
        }),
      );
    }),
    // Time is real, so a smaller example is mostly another one.
    { numRuns: realRuns, endOnFailure: true },
  );
}, 900_000);
