import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RedisServer, startRedis } from "@lock/redis-harness";
import { Redis as Redis6 } from "ioredis";
import { Redis as Redis5 } from "ioredis5";
import { Redis as Iovalkey } from "iovalkey";
import { createClient as createClient6, createClientPool as createClientPool6 } from "redis";
import { createClient as createClient5, createClientPool as createClientPool5 } from "redis5";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { LockUsageError } from "../../src/index.ts";
import { ioredisBackend } from "../../src/ioredis.ts";
import { nodeRedisBackend } from "../../src/node-redis.ts";
import { contend, handOvers } from "./contenders.ts";
import { pairsOf, USER } from "./pairs.ts";

/** Who is told has the key within a few milliseconds; who asks on a timer, after 250 and more. */
const TOLD = 200;
const FEWEST_HAND_OVERS = 5;
const CLOSED = 1_000;

const MONITOR = { lazyConnect: true, monitor: true };

/** Two processes each, which mostly wait. */
vi.setConfig({ maxConcurrency: 6 });

let folder: string;
let server: RedisServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-"));
  server = await startRedis({ args: ["--unixsocket", join(folder, "redis.sock")] });
  const admin = new Redis6(server.url);
  await admin.call("ACL", "SETUSER", USER.username, "on", `>${USER.password}`, "~*", "&*", "+@all");
  admin.disconnect();
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const NAMES = pairsOf({ host: "127.0.0.1", port: 1, socket: "" }).map(
  ({ client, option }, index) => [client, option, index] as const,
);

describe("two processes contend", () => {
  it.concurrent.each(NAMES)("%s, %s", async (client, option, index) => {
    const { host, port } = server;
    const pair = pairsOf({ host, port, socket: join(folder, "redis.sock") })[index];
    if (pair === undefined) throw new Error(`no pair ${index}`);
    const fates = await contend(pair, `${client} ${option}`);
    const times = handOvers(fates).toSorted((a, b) => a - b);
    expect({
      handOvers: times.length >= FEWEST_HAND_OVERS || times,
      told: (times[Math.floor(times.length / 2)] ?? Number.NaN) < TOLD || times,
      leases: fates.map(({ report }) => report.lease),
      closed: fates.map(({ report }) => report.closed < CLOSED || report.closed),
      exits: fates.map(({ lastBreath }) => lastBreath !== undefined),
    }).toEqual({
      handOvers: true,
      told: true,
      leases: ["held", "held"],
      closed: [true, true],
      exits: [true, true],
    });
  });
});

describe("what cannot work is refused when the backend is made", () => {
  it.each([
    ["node-redis 5", "pool", () => nodeRedisBackend(createClientPool5() as never)],
    ["node-redis 6", "pool", () => nodeRedisBackend(createClientPool6() as never)],
    ["node-redis 5", "legacy", () => nodeRedisBackend(createClient5().legacy() as never)],
    ["node-redis 6", "legacy", () => nodeRedisBackend(createClient6().legacy() as never)],
    ["ioredis 5", "monitor", () => ioredisBackend(new Redis5(MONITOR))],
    ["ioredis 6", "monitor", () => ioredisBackend(new Redis6(MONITOR))],
    ["iovalkey", "monitor", () => ioredisBackend(new Iovalkey(MONITOR))],
  ])("%s: %s", (_, named, make) => {
    expect(make).toThrow(LockUsageError);
    expect(make).toThrow(new RegExp(named));
  });
});
