import { setTimeout as sleep } from "node:timers/promises";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { startRedis } from "@lock/redis-harness";
import { Redis } from "ioredis";
import { largest, sum } from "../stats.ts";

const LEASES = 100_000;
const TTL = 30_000;
const MEASURED = 30_000;
const BLOCK = 300;
const BLOCK_EVERY = 5_000;
const TARGET_COMMANDS = 40;
const TARGET_HEAP = 1_200;
const TARGET_SCRIPT = 3;

/** Commands that a script did not call, and when they were counted. */
async function countScripts(redis: Redis): Promise<{ readonly at: number; readonly calls: number }> {
  const info = await redis.info("commandstats");
  const calls = [...info.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)].map(([, count]) => Number(count));
  return { at: performance.now(), calls: sum(calls) };
}

async function heap(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    globalThis.gc?.();
    await sleep(50);
  }
  return process.memoryUsage().heapUsed;
}

/** The event loop stands still, as it does for a large JSON text. */
function block(): void {
  const end = performance.now() + BLOCK;
  while (performance.now() < end);
}

if (globalThis.gc === undefined) throw new Error("run this by pnpm bench:held: it needs node --expose-gc");
await using server = await startRedis();
const client = new Redis(server.url);
const observer = new Redis(server.url);
try {
  const locks = createLocks({ backend: ioredisBackend(client), ttl: TTL });
  const lost: string[] = [];
  locks.on("lost", ({ reason }) => lost.push(reason));
  await (await locks.acquire("warm-up")).release();
  const before = await heap();
  const keys = Array.from({ length: LEASES }, (_, index) => `held:${index}`);
  const leases = await Promise.all(keys.map((key) => locks.acquire(key)));
  const each = ((await heap()) - before) / LEASES;
  console.log(`${LEASES} leases are held, ttl ${TTL} ms; renewals are counted for ${MEASURED / 1_000} s`);
  await observer.config("SET", "slowlog-log-slower-than", "500", "slowlog-max-len", "100000");
  await observer.slowlog("RESET");
  const from = await countScripts(observer);
  const blocking = setInterval(block, BLOCK_EVERY);
  await sleep(MEASURED);
  clearInterval(blocking);
  const to = await countScripts(observer);
  const slow = (await observer.slowlog("GET", "100000")) as [number, number, number][];
  const perSecond = ((to.calls - from.calls) * 1_000) / (to.at - from.at);
  const longest = Math.max(0, largest(slow.map(([, , micros]) => micros))) / 1_000;
  const held = leases.filter((lease) => lease.validFor > 0).length;
  console.table([
    { what: "renewal commands/s", measured: perSecond.toFixed(1), goal: `<= ${TARGET_COMMANDS}` },
    { what: "longest script, ms", measured: longest.toFixed(2), goal: `<= ${TARGET_SCRIPT}` },
    { what: "heap of a lease, bytes", measured: each.toFixed(0), goal: `< ${TARGET_HEAP}` },
    { what: "leases lost", measured: String(lost.length + LEASES - held), goal: "0" },
  ]);
  await locks.close();
} finally {
  client.disconnect();
  observer.disconnect();
}
