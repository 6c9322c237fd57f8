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

const PERMITS = 5;
const PROCESSES = fewOrMany(4, 8);
const KILLS = fewOrMany(2, 6);
const ACQUIRES = fewOrMany(800, 50_000);

it(`${PROCESSES} processes, ${ACQUIRES} acquires, ${KILLS} killed: never more than ${PERMITS} hold a permit, and ${PERMITS} do`, async () => {
  await admin.command("SET", "budget", String(ACQUIRES + 200));
  const { beliefs, killed, failed } = await recordHistory({
    url: redis.url,
    processes: PROCESSES,
    workers: 4,
    ttl: 500,
    kills: KILLS,
    budget: "budget",
    task: { kind: "semaphore", key: "pumps", permits: PERMITS, hold: 2 },
  });
  expect(killed).toBe(KILLS);
  expect(failed).toBe(0);
  expect(beliefs.length).toBeGreaterThanOrEqual(ACQUIRES);
  expect(mostAtOnce(beliefs, "pumps").all).toBe(PERMITS);
  const fences = beliefs.map(({ fencingToken }) => fencingToken);
  expect(new Set(fences).size).toBe(fences.length);
  await expectNothingLeft(admin, 1_000);
}, 900_000);
