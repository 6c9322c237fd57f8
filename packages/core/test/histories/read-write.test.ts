import { fewOrMany, useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLocks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, type TestClient } from "../support/clients.ts";
import { mostAtOnce, recordHistory } from "../support/history.ts";
import { expectNothingLeft } from "../support/leftovers.ts";

const redis = useRedis();
let admin: TestClient;
beforeAll(async () => {
  admin = await ioredis6.connect(redis.url);
});
afterAll(() => admin.close());

const PROCESSES = fewOrMany(4, 8);
const KILLS = fewOrMany(2, 3);
/** What is left of them where a process is killed is not taken. */
const TURNS = fewOrMany(800, 30_000);

it(`${PROCESSES} processes of readers and writers, ${KILLS} killed: a writer never overlaps anything, and readers do overlap`, async () => {
  await admin.command("SET", "budget", String(TURNS));
  const { beliefs, killed, failed } = await recordHistory({
    url: redis.url,
    processes: PROCESSES,
    workers: 4,
    ttl: 500,
    kills: KILLS,
    budget: "budget",
    task: { kind: "readWrite", key: "page", writers: 0.2, hold: 2 },
  });
  expect([killed, failed]).toEqual([KILLS, 0]);
  expect(beliefs.length).toBeGreaterThan(TURNS * 0.9);
  const { all, beside } = mostAtOnce(beliefs, "page");
  expect(beside).toBe(0);
  expect(all).toBeGreaterThan(3);
  const writers = beliefs.filter(({ mode }) => mode === "write").toSorted((a, b) => a.from - b.from);
  expect(writers.length).toBeGreaterThan(TURNS / 12);
  const fences = writers.map(({ fencingToken }) => fencingToken);
  expect(fences).toEqual([...new Set(fences)].toSorted((a, b) => a - b));
  await expectNothingLeft(admin, 1_000);
}, 900_000);

it("a writer behind 100 readers that keep coming is served within twice the longest hold", async () => {
  const clients = await Promise.all([1, 2, 3].map(() => ioredis6.connect(redis.url)));
  const [first, second, third] = clients.map((client) => createLocks({ backend: client.backend() }));
  if (first === undefined || second === undefined || third === undefined)
    throw new Error("three were asked for");
  const LONGEST = 400;
  let stop = false;
  let reads = 0;
  let longest = 0;
  const reader = async (index: number) => {
    const locks = index % 2 === 0 ? first : second;
    while (!stop) {
      await locks.readWrite("busy page").read.using({ wait: "forever" }, async () => {
        const start = performance.now();
        await new Promise((resume) => setTimeout(resume, LONGEST * (0.5 + Math.random() / 2)));
        longest = Math.max(longest, performance.now() - start);
        reads += 1;
      });
    }
  };
  const readers = Array.from({ length: 100 }, (_, index) => reader(index));
  const waits: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    const before = reads;
    await new Promise((resume) => setTimeout(resume, LONGEST));
    await eventually("readers that come", () => (reads > before ? true : undefined));
    const start = performance.now();
    await third.readWrite("busy page").write.using({ wait: "forever" }, () => undefined);
    waits.push(performance.now() - start);
  }
  stop = true;
  await Promise.all(readers);
  expect(Math.max(...waits)).toBeLessThan(2 * longest);
  for (const locks of [first, second, third]) await locks.close();
  for (const client of clients) client.close();
}, 60_000);
