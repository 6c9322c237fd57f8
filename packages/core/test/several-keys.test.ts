import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisBackend } from "../src/backends/redis/redis-backend.ts";
import { createLocks, type Locks } from "../src/index.ts";
import { eventually } from "../src/testing/test-api.ts";
import { ioredis6, libraries, nodeRedis6, type TestClient } from "./support/clients.ts";
import { ask, granted } from "./support/two-backends.ts";

const redis = useRedis();
let admin: TestClient;
beforeAll(async () => {
  admin = await ioredis6.connect(redis.url);
});
afterAll(() => admin.close());

const acquires = async (): Promise<number> => {
  const stats = String(await admin.command("INFO", "commandstats"));
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
};

/** The same after a first time, when the waiter's connection that hears messages is open. */
async function waitForBothAgain(
  locks: Locks,
  rivals: Locks,
  keys: readonly [string, string],
): Promise<number> {
  await waitForBoth(locks, rivals, keys);
  return waitForBoth(locks, rivals, keys);
}

/** A waiter for two keys, both of which then come free one after the other; the commands that took. */
async function waitForBoth(locks: Locks, rivals: Locks, keys: readonly [string, string]): Promise<number> {
  const held = [await rivals.acquire(keys[0]), await rivals.acquire(keys[1])];
  const waiting = locks.acquire(keys);
  for (const key of keys) {
    await eventually("a waiter", async () => ((await rivals.inspect(key))?.waiting === 1 ? true : undefined));
  }
  const before = await acquires();
  await held[1]?.release();
  await held[0]?.release();
  const lease = await waiting;
  const used = (await acquires()) - before;
  for (const key of keys) {
    const state = await rivals.inspect(key);
    expect(state?.holders[0]?.fencingToken).toBe(lease.fencingToken);
    expect(state?.waiting).toBe(0);
  }
  expect(await lease.release()).toBe("released");
  for (const key of keys) expect(await rivals.inspect(key)).toBeNull();
  return used;
}

describe.each(newestOrOlder(libraries))("a waiter for several keys with $name", ({ name, connect }) => {
  it("is granted them by whoever frees the last one", async () => {
    const client = await connect(redis.url);
    const [locks, rivals] = [
      createLocks({ backend: client.backend() }),
      createLocks({ backend: admin.backend() }),
    ];
    // Two releases, and the question of whoever was told.
    expect(await waitForBothAgain(locks, rivals, [`${name} a`, `${name} b`])).toBe(3);
    for (const each of [locks, rivals]) await each.close();
    client.close();
  });

  it("asks again itself where their names are too long to be told", async () => {
    const client = await connect(redis.url);
    const [locks, rivals] = [
      createLocks({ backend: client.backend() }),
      createLocks({ backend: admin.backend() }),
    ];
    const long = "x".repeat(500);
    const keys = [`${name} ${long} a`, `${name} ${long} b`].map((key) => key.slice(0, 510)) as [
      string,
      string,
    ];
    keys[1] = `${keys[1].slice(0, 509)}b`;
    expect(await waitForBothAgain(locks, rivals, keys)).toBe(3);
    for (const each of [locks, rivals]) await each.close();
    client.close();
  });
});

it.each([ioredis6, nodeRedis6])("$name: a client's own key prefix is no hindrance", async ({ connect }) => {
  const clients = await Promise.all(
    [1, 2].map(() => connect(redis.url, { client: { keyPrefix: "tenant:" } })),
  );
  const [locks, rivals] = clients.map((client) => createLocks({ backend: client.backend() }));
  if (locks === undefined || rivals === undefined) throw new Error("two clients were asked for");
  expect(await waitForBothAgain(locks, rivals, ["prefixed a", "prefixed b"])).toBe(3);
  for (const each of [locks, rivals]) await each.close();
  for (const client of clients) client.close();
});

it("a server that refuses keys which a script was not given only costs a command more", async () => {
  const client = await ioredis6.connect(redis.url);
  // As Dragonfly does: what all_keys reads beside its own key fails.
  const strict = (source: string) =>
    source.replace("states[i] = line.read(keys[i])", "error('undeclared key')");
  const { driver } = client;
  const backend = () =>
    new RedisBackend({
      ...driver,
      evalsha: () => Promise.reject(new Error("NOSCRIPT")),
      eval: (source, keys, args) => driver.eval(strict(source), keys, args),
    });
  const [locks, rivals] = [createLocks({ backend: backend() }), createLocks({ backend: backend() })];
  await waitForBoth(locks, rivals, ["strict a", "strict b"]);
  for (const each of [locks, rivals]) await each.close();
  client.close();
});

it("one of whose keys is of another program is told so, and takes none", async () => {
  const locks = createLocks({ backend: admin.backend() });
  await admin.command("RPUSH", "lock:{foreign b}", "a list");
  await expect(locks.acquire(["foreign a", "foreign b"], { wait: 2_000 })).rejects.toThrow(/WRONGTYPE/);
  expect(await locks.inspect("foreign a")).toBeNull();
  await locks.close();
});

it.each([0, 1])(
  "a renewal of two keys is worth as much as that of the one that ends first, turn %i",
  async (longer) => {
    const backend = admin.backend();
    const keys = [`ends first ${longer} a`, `ends first ${longer} b`] as const;
    const request = ask({ keys, ttl: 5_000 });
    await granted(backend, request);
    // As after an extend that only one of two masters has heard.
    await backend.extend({ ...request, keys: [keys[longer] ?? keys[0]] }, 60_000);
    const renewed = await backend.extend(request, 5_000);
    expect(renewed).toMatchObject({ status: "renewed" });
    expect("ttl" in renewed && renewed.ttl).toBeLessThanOrEqual(5_000);
    await backend.release(request);
    await backend.close();
  },
);

it.each([0, 1])(
  "an acquire that is asked again after one of its keys was taken has none, turn %i",
  async (lost) => {
    const backend = admin.backend();
    const keys = [`some of ${lost} a`, `some of ${lost} b`] as const;
    const [taken, other] = [keys[lost] ?? keys[0], keys[1 - lost] ?? keys[1]];
    const request = ask({ keys });
    await granted(backend, request);
    expect(await backend.admin?.forceRelease({ prefix: request.prefix, key: taken }, undefined)).toBe(true);
    const next = ask({ key: taken });
    await granted(backend, next);
    expect(await backend.tryAcquire(request)).toMatchObject({ status: "busy" });
    expect(await backend.admin?.inspect({ prefix: request.prefix, key: other })).toBeNull();
    expect(await backend.release(next)).toBe("released");
    await backend.close();
  },
);
