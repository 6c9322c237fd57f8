import { fewOrMany, useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ioredis6, type TestClient } from "../support/clients.ts";
import { mostAtOnce, recordHistory } from "../support/history.ts";
import { expectNothingLeft } from "../support/leftovers.ts";

const redis = useRedis();
let admin: TestClient;
beforeAll(async () => {
  admin = await ioredis6.connect(redis.url);
});
afterAll(() => admin.close());

const KEYS = 8;
const ROUNDS = 16 * fewOrMany(20, 1_000);

it(`16 workers x 3 of 8 keys x ${ROUNDS / 16} rounds: no deadlock, no partial hold, every round served`, async () => {
  await admin.command("SET", "budget", String(ROUNDS));
  let partial = 0;
  let looked = 0;
  let done = false;
  const watching = (async () => {
    while (!done) {
      partial += await partialHolds();
      looked += 1;
    }
  })();
  const { beliefs, failed } = await recordHistory({
    url: redis.url,
    processes: 4,
    workers: 4,
    ttl: 10_000,
    kills: 0,
    budget: "budget",
    task: { kind: "severalKeys", keys: KEYS, pick: 3, hold: 2 },
  });
  done = true;
  await watching;
  expect(failed).toBe(0);
  expect(beliefs).toHaveLength(ROUNDS);
  for (let key = 0; key < KEYS; key++) expect(mostAtOnce(beliefs, `several ${key}`).all).toBe(1);
  expect(looked).toBeGreaterThan(100);
  expect(partial).toBe(0);
  await expectNothingLeft(admin, 1_000);
}, 900_000);

/** How many tokens hold some keys of a set of three, but not all: seen in one step, as nobody can act in between. */
async function partialHolds(): Promise<number> {
  const keys = Array.from({ length: KEYS }, (_, index) => `lock:{several ${index}}`);
  const values = (await admin.command("MGET", ...keys)) as (string | null)[];
  const held = new Map<string, number>();
  for (const value of values) {
    const [token] = value?.split(" ") ?? [];
    if (token !== undefined) held.set(token, (held.get(token) ?? 0) + 1);
  }
  return [...held.values()].filter((count) => count !== 3).length;
}
