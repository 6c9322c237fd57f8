import { useRedis } from "@lock/redis-harness/vitest";
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

const PERMITS = 5;
const ACQUIRES = 10_000;

it(`8 processes, ${ACQUIRES} acquires, 6 killed: never more than ${PERMITS} hold a permit, and ${PERMITS} do`, async () => {
  await admin.command("SET", "budget", String(ACQUIRES + 200));
  const { beliefs, killed, failed } = await recordHistory({
    url: redis.url,
    processes: 8,
    workers: 4,
    ttl: 500,
    kills: 6,
    budget: "budget",
    task: { kind: "semaphore", key: "pumps", permits: PERMITS, hold: 2 },
  });
  expect(killed).toBe(6);
  expect(failed).toBe(0);
  expect(beliefs.length).toBeGreaterThanOrEqual(ACQUIRES);
  expect(mostAtOnce(beliefs, "pumps").all).toBe(PERMITS);
  const fences = beliefs.map(({ fencingToken }) => fencingToken);
  expect(new Set(fences).size).toBe(fences.length);
  await expectNothingLeft(admin, 1_000);
}, 120_000);
