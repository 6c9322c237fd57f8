import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { describe, expect, it, onTestFinished } from "vitest";
import { inProcessBackend } from "../../src/in-process.ts";
import { createLocks, type Lease, LockLostError, type Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { type Library, libraries } from "../support/clients.ts";
import { useSites } from "../support/quorum-sites.ts";

const redis = useRedis();

/** Without a hint the next renewal would find out: after a third of it. */
const TTL = 3_600_000;

/** The reason of a loss that comes by itself. */
function lossOf({ signal }: Lease): Promise<LockLostError> {
  return new Promise((resolve) => {
    const told = () => resolve(signal.reason);
    if (signal.aborted) told();
    else signal.addEventListener("abort", told, { once: true });
  });
}

let opened = 0;

/** Two processes, of which the first hears messages, as one does that has waited; and what they say. */
async function open({ connect }: Library) {
  opened += 1;
  const prefix = `forced-${opened}`;
  const [client, other] = [await connect(redis.url), await connect(redis.url)];
  const [locks, rivals] = [client, other].map((each) => createLocks({ backend: each.backend(), prefix }));
  if (locks === undefined || rivals === undefined) throw new Error("two were opened");
  onTestFinished(async () => {
    await Promise.all([locks.close(), rivals.close()]);
    for (const each of [client, other]) each.close();
  });
  const busy = await rivals.acquire("busy");
  const waiting = locks.acquire("busy");
  const channels = () => other.command("PUBSUB", "CHANNELS", `${prefix}:wake:*`);
  const [channel] = await eventually("a channel", async () => {
    const found = await channels();
    return Array.isArray(found) && found.length === 1 ? found.map(String) : undefined;
  });
  await busy.release();
  await (await waiting).release();
  return { locks, rivals, say: (text: string) => other.command("PUBLISH", String(channel), text) };
}

const WAYS = [
  ["exclusive", (locks: Locks) => locks.readWrite("key").write],
  ["shared", (locks: Locks) => locks.readWrite("key").read],
  ["permits", (locks: Locks) => locks.semaphore("key", { permits: 3 })],
  ["several keys", (locks: Locks) => locks.readWrite(["key", "other key"]).write],
] as const;

describe.each(newestOrOlder(libraries))("a forced release, with $name", (library) => {
  it.each(WAYS)("is told at once to a holder who hears messages: %s", async (_, lockOf) => {
    const { locks, rivals } = await open(library);
    const lease = await lockOf(locks).acquire({ ttl: TTL });
    expect(await rivals.forceRelease("key")).toBe(true);
    expect(await lossOf(lease)).toMatchObject({ code: "LOCK_LOST", reason: "stolen" });
    expect(() => lease.assertHeld()).toThrow(LockLostError);
    await (await lockOf(rivals).acquire({ wait: 0 })).release();
  });

  it("of one of many is told to that one only", async () => {
    const { locks, rivals } = await open(library);
    const lock = locks.semaphore("key", { permits: 3 });
    const [taken, left] = [await lock.acquire({ ttl: TTL }), await lock.acquire({ ttl: TTL })];
    const { holders } = (await rivals.inspect("key")) ?? {};
    const token = holders?.find(({ fencingToken }) => fencingToken === taken.fencingToken)?.token;
    expect(await rivals.forceRelease("key", { token: String(token) })).toBe(true);
    expect((await lossOf(taken)).reason).toBe("stolen");
    await left.extend();
    left.assertHeld();
  });

  it("is told to who has it of those that share a place; the others wait again", async () => {
    const { locks, rivals } = await open(library);
    const before = await rivals.acquire("key");
    const waiting = [1, 2].map(() => locks.acquire("key", { wait: "forever" }));
    await eventually("both wait", async () => (await rivals.inspect("key"))?.waiting === 2 || undefined);
    await before.release();
    const first = await Promise.race(waiting);
    expect(await rivals.forceRelease("key")).toBe(true);
    expect((await lossOf(first)).reason).toBe("stolen");
    const leases = await Promise.all(waiting);
    const second = leases.find((lease) => lease !== first);
    second?.assertHeld();
    expect(second?.fencingToken).toBeGreaterThan(first.fencingToken);
  });

  it("that a message only pretends has the holder ask, and changes nothing", async () => {
    const { locks, say } = await open(library);
    const lease = await locks.acquire("key", { ttl: 60_000, renew: false });
    const before = lease.validFor;
    const told: number[] = [];
    locks.on("extended", ({ validFor }) => told.push(validFor));
    for (let time = 0; time < 3; time++) await say(`${lease.token} taken`);
    await say("nobody taken");
    const validFor = await eventually("an answer", () => told[0]);
    expect(validFor).toBeLessThanOrEqual(before);
    expect(lease.validFor).toBeLessThanOrEqual(before);
    expect(await lease.release()).toBe("released");
  });
});

it("a forced release in this process is told at once", async () => {
  const locks = createLocks({ backend: inProcessBackend() });
  const lease = await locks.acquire("key", { ttl: TTL });
  expect(await locks.forceRelease("key")).toBe(true);
  expect((await lossOf(lease)).reason).toBe("stolen");
  await locks.close();
});

describe("a forced release on a quorum", () => {
  const sites = useSites(3);

  it("is told at once to a holder who hears messages", async () => {
    const [one, two] = [await sites.open({ maxTtl: TTL }), await sites.open({ maxTtl: TTL })];
    const busy = await two.locks.acquire("busy");
    const waiting = one.locks.acquire("busy");
    await eventually("it waits", async () => (await two.locks.inspect("busy"))?.waiting === 1 || undefined);
    await busy.release();
    await (await waiting).release();
    const lease = await one.locks.acquire("key", { ttl: TTL });
    expect(await two.locks.forceRelease("key")).toBe(true);
    expect((await lossOf(lease)).reason).toBe("stolen");
  });
});
