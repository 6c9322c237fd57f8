import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLocks, LockBackendError } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { libraries, type TestClient } from "../support/clients.ts";

const redis = useRedis();

describe.each(newestOrOlder(libraries))("$name", ({ name, connect }) => {
  let admin: TestClient;
  beforeAll(async () => {
    admin = await connect(redis.url);
  });
  afterAll(() => admin.close());

  it("grants nothing to forged messages, and hears the true one among them", async () => {
    const client = await connect(redis.url);
    const locks = createLocks({ backend: client.backend() });
    const rivals = createLocks({ backend: admin.backend() });
    const key = `${name} forged`;
    const lease = await rivals.acquire(key);
    let served = false;
    const waiting = locks.using(key, { wait: "forever" }, () => {
      served = true;
    });
    await eventually("a waiter", async () => ((await rivals.inspect(key))?.waiting === 1 ? true : undefined));
    const channels = (await admin.command("PUBSUB", "CHANNELS", "lock:wake:*")) as string[];
    const [token = ""] = ((await admin.command("GET", `lock:{${key}}`)) as string).split(" ");
    const [member = ""] = (await admin.command("ZRANGE", `lock:{${key}}:queue`, "0", "0")) as string[];
    const [waiter = ""] = member.split(" ");
    expect(waiter).toHaveLength(token.length);
    const forged = [
      "",
      "x",
      "a b c d",
      token,
      // What a true message says, too soon; and what hand-overs would say, if messages were believed.
      waiter,
      `${waiter} 1`,
      `${waiter} 99 1700000000000000 30000 0 0`,
      `${waiter} 99 1700000000000000 30000 0 0 1`,
      "AAAAAAAAAAAAAAAAAAAAAA 99 1700000000000000 30000",
      "é".repeat(9_999),
    ];
    for (let turn = 0; turn < 200; turn++) {
      const text = forged[turn % forged.length] ?? "";
      await Promise.all(channels.map((channel) => admin.command("PUBLISH", channel, text)));
    }
    expect(served).toBe(false);
    lease.assertHeld();
    await lease.release();
    await waiting;
    await locks.close();
    await rivals.close();
    client.close();
  });

  it.concurrent.each([
    ["a fence that is no number", `return { 'granted 1 NaN 5000 0 - -', 1 }`],
    ["a fence beyond what is exact", `return { 'granted 1 9223372036854775808 5000 0 - -', 1 }`],
    ["a fence of the short way beyond what is exact", "return { 9007199254740994, 1 }"],
    ["a fence of the short way that is a fraction", "return { '1.5', 1 }"],
    ["no time behind its answers", "return { 5 }"],
    ["a time that is no number", "return { 5, 'soon' }"],
    ["an unknown word", `return { 'maybe 1', 1 }`],
    ["no list", "return 7"],
    ["an empty list", "return {}"],
  ])("refuses a server that answers %s", async (_, lua) => {
    const client = await connect(redis.url);
    const { driver } = client;
    const hostile = { ...client.driver, evalsha: () => driver.eval(lua, ["{a}"], []) };
    const { RedisBackend } = await import("../../src/testing.ts");
    const locks = createLocks({ backend: new RedisBackend(hostile) });
    const error = await locks.acquire("key", { wait: 50 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LockBackendError);
    expect(String(error)).toMatch(/cannot be understood|did not answer/);
    await locks.close();
    client.close();
  });

  it("leaves no key without expiry, no subscription, no connection and no timer behind", async () => {
    await admin.command("FLUSHALL");
    const clientsOf = async () =>
      String(await admin.command("CLIENT", "LIST"))
        .trim()
        .split("\n").length;
    const baseline = await clientsOf();
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const timersBefore = timers();
    const client = await connect(redis.url);
    const locks = createLocks({ backend: client.backend() });
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        locks.using(`key ${index % 5}`, { wait: "forever" }, () => undefined),
      ),
    );
    const refused = await locks
      .acquire("key 0")
      .then((lease) => locks.acquire("key 0", { wait: 5 }).catch(() => lease));
    await refused.release();
    await locks.close();
    client.close();

    const keys = (await admin.command("KEYS", "*")) as string[];
    for (const key of keys) {
      expect(key).toMatch(/:(fence|liveness)$/);
      expect(Number(await admin.command("PTTL", key))).toBeGreaterThan(0);
    }
    expect(await admin.command("PUBSUB", "CHANNELS", "lock:*")).toEqual([]);
    await eventually("the connections of the test are closed", async () =>
      (await clientsOf()) <= baseline ? true : undefined,
    );
    await eventually("no timer is left", () => (timers() <= timersBefore ? true : undefined));
  });

  it("needs at most 3.2 commands for each acquisition, contended", async () => {
    const clients = await Promise.all([connect(redis.url), connect(redis.url)]);
    const all = clients.map((client) => createLocks({ backend: client.backend() }));
    const calls = async () => {
      const stats = String(await admin.command("INFO", "commandstats"));
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const worker = async (locks: (typeof all)[number]) => {
      for (let turn = 0; turn < 20; turn++)
        await locks.using(`${name} busy`, { wait: "forever" }, () => undefined);
    };
    await Promise.all(all.map((locks) => locks.using(`${name} busy`, () => undefined)));
    const before = await calls();
    await Promise.all(all.flatMap((locks) => Array.from({ length: 5 }, () => worker(locks))));
    expect(((await calls()) - before) / 200).toBeLessThanOrEqual(3.2);
    for (const locks of all) await locks.close();
    for (const client of clients) client.close();
  });
});
