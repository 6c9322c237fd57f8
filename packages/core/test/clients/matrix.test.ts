import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RedisServer, startRedis } from "@lock/redis-harness";
import { Redis as Redis6 } from "ioredis";
import { Redis as Redis5 } from "ioredis5";
import { Redis as Iovalkey } from "iovalkey";
import { createClient as createClient6, createClientPool as createClientPool6 } from "redis";
import { createClient as createClient5, createClientPool as createClientPool5 } from "redis5";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LockUsageError } from "../../src/index.ts";
import { ioredisBackend } from "../../src/ioredis.ts";
import { nodeRedisBackend } from "../../src/node-redis.ts";
import { contend, type Fate, handOvers } from "./contenders.ts";
import { type Pair, pairsOf, USER } from "./pairs.ts";

/** Who is told has the key within a few milliseconds; who asks on a timer, after 250 and more. */
const TOLD = 200;
const FEWEST_HAND_OVERS = 5;
const CLOSED = 1_000;

const MONITOR = { lazyConnect: true, monitor: true };

let folder: string;
let server: RedisServer;
/** What came of the processes of each client. */
const contests = new Map<string, Promise<readonly Fate[]>>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-"));
  server = await startRedis({ args: ["--unixsocket", join(folder, "redis.sock")] });
  const admin = new Redis6(server.url);
  await admin.call("ACL", "SETUSER", USER.username, "on", `>${USER.password}`, "~*", "&*", "+@all");
  admin.disconnect();
  const { host, port } = server;
  const pairs = pairsOf({ host, port, socket: join(folder, "redis.sock") });
  // One after the other, since they measure; but not while the one before only waits for the end of a ttl.
  for (const client of CLIENTS) {
    const orders = pairs.filter((pair) => pair.client === client);
    const { rests, fates } = contend(orders.map((pair) => ({ ...pair, key: keyOf(pair) })));
    contests.set(client, fates);
    await rests;
  }
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Before the server runs, only their names are known. */
const PAIRS = pairsOf({ host: "127.0.0.1", port: 1, socket: "" });
const CLIENTS = [...new Set(PAIRS.map(({ client }) => client))];
const keyOf = ({ client, option }: Pair) => `${client} ${option}`;

describe.each(CLIENTS)("two processes contend: %s", (client) => {
  let fates: readonly Fate[];
  beforeAll(async () => {
    fates = (await contests.get(client)) ?? [];
  });

  it.each(PAIRS.filter((pair) => pair.client === client).map((pair) => [pair.option, keyOf(pair)]))(
    "%s",
    (_, key) => {
      const reports = fates.map(({ reports, complaint }) => {
        const report = reports.get(key);
        if (report !== undefined && "turns" in report) return report;
        throw new Error(`no report: ${report?.error ?? complaint}`);
      });
      const times = handOvers(reports).toSorted((a, b) => a - b);
      expect({
        handOvers: times.length >= FEWEST_HAND_OVERS || times,
        told: (times[Math.floor(times.length / 2)] ?? Number.NaN) < TOLD || times,
        leases: reports.map(({ lease }) => lease),
        closed: reports.map(({ closed }) => closed < CLOSED || closed),
      }).toEqual({ handOvers: true, told: true, leases: ["held", "held"], closed: [true, true] });
    },
  );

  it("end by themselves, when they have let go of their clients", () => {
    expect(fates.map(({ code, complaint }) => ({ code, complaint }))).toEqual(
      Array(2).fill({ code: 0, complaint: "" }),
    );
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
