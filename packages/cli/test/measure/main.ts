import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { startRedis } from "@lock/redis-harness";
import { Redis } from "ioredis";
import { environment, MAIN } from "../support/lock.ts";

/**
 * `npx -y pnpm --filter @lock/cli measure`, once the packages are built: `lock ls` on 100,000 keys. How long until the
 * first row, by the side of a process that only starts and connects; the slowest command; the memory; the sorted view.
 */
const KEYS = 100_000;
const ROUNDS = 9;

await using redis = await startRedis();
const client = new Redis(redis.url);
await fill(client);
const env = environment({ REDIS_URL: redis.url });

await client.config("SET", "slowlog-log-slower-than", "1000");
await client.config("SET", "slowlog-max-len", "1000");
await client.call("SLOWLOG", "RESET");
const all = await measure(["ls"]);
const slow = (await client.call("SLOWLOG", "GET", "1000")) as [number, number, number][];
const first: number[] = [];
const started: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  started.push((await measure(["inspect", "nobody-holds-it"])).firstOutput);
  first.push((await measure(["ls"], true)).firstOutput);
}
const sorted = await measure(["ls", "--sort", "waiting"]);
console.log(
  JSON.stringify(
    {
      keys: KEYS,
      firstRowMs: median(first),
      startAndInspectMs: median(started),
      firstRowsOverStartMs: median(first.map((ms, round) => ms - (started[round] ?? 0))),
      allRows: all.lines - 1,
      allSeconds: all.total / 1_000,
      memoryMB: all.memory,
      slowestCommandMs: Math.max(0, ...slow.map(([, , us]) => us / 1_000)),
      sortedRows: sorted.lines - 1,
      sortedMs: sorted.total,
      sortedSays: sorted.stderr.trim(),
    },
    null,
    2,
  ),
);
client.disconnect();

async function fill(redis: Redis): Promise<void> {
  const locks = createLocks({ backend: ioredisBackend(redis), maxTtl: 86_400_000 });
  for (let from = 0; from < KEYS; from += 1_000) {
    const keys = Array.from({ length: 1_000 }, (_, index) => `order:${from + index}`);
    const options = { ttl: 3_600_000, renew: false };
    await Promise.all(keys.map((key) => locks.acquire(key, options)));
  }
}

/** Milliseconds from the start of the process, its memory at several moments, and what it wrote. */
async function measure(args: readonly string[], untilFirst = false) {
  const begun = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args], { env });
  let firstOutput = 0;
  let lines = 0;
  let stderr = "";
  const memory: number[] = [];
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  child.stdout.on("data", (text: Buffer) => {
    firstOutput ||= performance.now() - begun;
    lines += text.toString().split("\n").length - 1;
    if (untilFirst) child.kill("SIGKILL");
  });
  const looking = setInterval(() => memory.push(residentOf(child.pid ?? 0)), 1_000);
  await once(child, "close");
  clearInterval(looking);
  return { firstOutput, lines, stderr, memory, total: performance.now() - begun };
}

function residentOf(pid: number): number {
  const [, kB = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kB) / 1_024);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
