import { beforeEach, describe, expect, it } from "vitest";
import { inProcessBackend } from "../src/in-process.ts";
import { createLocks, type LockEventName, type Locks } from "../src/index.ts";
import { FakeClock, FaultyBackend } from "../src/testing.ts";

const ENDS = ["acquired", "refused", "timedOut", "aborted", "failed"] as const satisfies LockEventName[];

let clock: FakeClock;
let backend: FaultyBackend;
let locks: Locks;
let told: unknown[];

beforeEach(async () => {
  clock = new FakeClock();
  backend = new FaultyBackend(inProcessBackend({ clock }));
  locks = createLocks({ backend, holder: "me" });
  const rivals = createLocks({ backend, holder: "rival" });
  await rivals.acquire("busy", { ttl: 60_000 });
  told = [];
  for (const name of ENDS) locks.on(name, ({ id, mode, ...event }) => told.push([name, event]));
});

/** One key, or several of which one is busy. */
const targets = [
  ["one key", "busy", "free"],
  ["several keys", ["busy", "free"], ["free", "other"]],
] as const;

/** Settles, however it does, once a while has passed. */
async function after(work: Promise<unknown>, ms: number): Promise<unknown> {
  const settled = work.catch((error: unknown) => error);
  await clock.advance(ms);
  return settled;
}

describe.each(targets)("the end of an acquire of %s is told once", (_what, busy, free) => {
  const key = Array.isArray(busy) ? "busy, free" : "busy";
  const freeKey = Array.isArray(free) ? "free, other" : "free";
  const rival = { holder: "rival", remaining: expect.any(Number) };

  it("refused: it does not wait", async () => {
    expect(await locks.tryAcquire(busy)).toBeNull();
    expect(told).toEqual([["refused", { key, holder: rival }]]);
    await locks.acquire(busy, { wait: 0 }).catch(() => undefined);
    expect(told).toHaveLength(2);
  });

  it("timedOut: it has waited for as long as it may", async () => {
    await after(locks.acquire(busy, { wait: 500 }), 1_000);
    expect(told).toEqual([["timedOut", { key, waited: 500, holder: rival }]]);
  });

  it("timedOut: tryAcquire that waits", async () => {
    expect(await after(locks.tryAcquire(busy, { wait: 500 }), 1_000)).toBeNull();
    expect(told).toEqual([["timedOut", { key, waited: 500, holder: rival }]]);
  });

  it("aborted: its signal", async () => {
    const controller = new AbortController();
    const reason = new Error("the caller gave up");
    const acquiring = locks.acquire(busy, { signal: controller.signal });
    await clock.advance(300);
    controller.abort(reason);
    expect(await after(acquiring, 0)).toBe(reason);
    expect(told).toEqual([["aborted", { key, waited: 300, reason }]]);
  });

  it("aborted: the locks are closed", async () => {
    const acquiring = locks.acquire(busy);
    await clock.advance(300);
    const closing = locks.close();
    const error = await after(acquiring, 1_000);
    await closing;
    expect(told).toEqual([["aborted", { key, waited: 300, reason: error }]]);
  });

  it("failed: an outage", async () => {
    backend.fail("tryAcquire", undefined, Number.POSITIVE_INFINITY);
    const error = await after(locks.acquire(free, { wait: 500 }), 2_000);
    expect(told).toEqual([["failed", { key: freeKey, waited: expect.any(Number), error }]]);
  });

  it("acquired", async () => {
    await locks.acquire(free);
    expect(told).toMatchObject([["acquired", { key: freeKey }]]);
  });

  it("not what its caller did wrong", async () => {
    await expect(locks.acquire(free, { ttl: -1 })).rejects.toThrow("ttl must be");
    await expect(locks.acquire(free, { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
    expect(told).toEqual([]);
  });
});

describe("the events of one acquire and its lease", () => {
  const NAMES = [
    ...["acquiring", "acquired", "contended", "waiting", "refused", "timedOut", "aborted", "failed"],
    ...["extended", "extendFailed", "lost", "released", "handedOver", "backendError"],
  ] as LockEventName[];
  let story: { readonly name: string; readonly id: number; readonly key: string; readonly mode: string }[];

  beforeEach(() => {
    story = [];
    for (const name of NAMES)
      locks.on(name, ({ id, key, mode }) => {
        story.push({ name, id, key, mode });
      });
  });

  const namesOf = (id: number | undefined) => story.filter((told) => told.id === id).map(({ name }) => name);

  it("have one id, and the mode", async () => {
    const first = await locks.readWrite("page").write.acquire();
    const second = locks.readWrite("page").read.acquire({ wait: 5_000 });
    await clock.advance(1);
    await first.extend();
    await first.release();
    await (await second).release();
    const [a, b] = [story[0]?.id, story.find(({ mode }) => mode === "shared")?.id];
    expect(a).not.toBe(b);
    expect(namesOf(a)).toEqual(["acquiring", "acquired", "extended", "released"]);
    expect(namesOf(b)).toEqual(["acquiring", "contended", "waiting", "acquired", "released"]);
    expect(new Set(story.filter(({ id }) => id === a).map(({ mode }) => mode))).toEqual(
      new Set(["exclusive"]),
    );
    expect(new Set(story.map(({ key }) => key))).toEqual(new Set(["page"]));
  });

  it("have the id of the lease that is lost, handed over, or not extended", async () => {
    const lost = await locks.semaphore("a", { permits: 2 }).acquire({ ttl: 1_000 });
    backend.fail("extend", undefined, Number.POSITIVE_INFINITY);
    await clock.advance(2_000);
    backend.heal();
    expect(lost.validFor).toBe(0);
    expect(new Set(namesOf(story[0]?.id))).toEqual(
      new Set(["acquiring", "acquired", "extendFailed", "lost"]),
    );
    expect(story[0]?.mode).toBe("permits");
    story.length = 0;
    const given = await locks.acquire("b");
    const adopted = await locks.adopt(given.toTicket());
    await adopted.release();
    const [first, ...others] = [...new Set(story.map(({ id }) => id))].map(namesOf);
    expect([first, ...others]).toEqual([
      ["acquiring", "acquired", "handedOver"],
      ["acquired", "released"],
    ]);
  });

  it("tell that it begins within the call, where the caller's context still is", () => {
    const acquiring = [
      locks.acquire("a", { wait: 7 }),
      locks.tryAcquire("b"),
      locks.using("c", () => undefined),
      locks.pool("d", { size: 2 }).acquire(),
      locks.readWrite("e").read.tryAcquire(),
    ];
    expect(story.map(({ name, key, mode }) => [name, key, mode])).toEqual([
      ["acquiring", "a", "exclusive"],
      ["acquiring", "b", "exclusive"],
      ["acquiring", "c", "exclusive"],
      ["acquiring", "d", "permits"],
      ["acquiring", "e", "shared"],
    ]);
    return Promise.all(acquiring);
  });

  it("carry what the ticket of an adopted lease had as context, which no server sees", async () => {
    const contexts: unknown[] = [];
    locks.on("acquired", ({ context }) => contexts.push(context));
    const ticket = (await locks.acquire("a", { meta: { job: "7" } })).toTicket({ context: { trace: "t-1" } });
    const adopted = await locks.adopt(JSON.parse(JSON.stringify(ticket)));
    expect(contexts).toEqual([undefined, { trace: "t-1" }]);
    expect(JSON.stringify(await locks.inspect("a"))).not.toContain("t-1");
    expect((await locks.inspect("a"))?.holders[0]?.meta).toEqual({ job: "7" });
    await adopted.release();
  });

  it("a context that is no record of texts is refused, and the lease stays", async () => {
    const lease = await locks.acquire("a");
    for (const context of [5, ["a"], { a: 1 }, { a: "x".repeat(2_000) }]) {
      expect(() => lease.toTicket({ context } as never)).toThrow("context");
    }
    expect(() => lease.toTicket({ contxt: {} } as never)).toThrow(
      "toTicket has no option 'contxt', perhaps context",
    );
    lease.assertHeld();
    const { check: _, ...altered } = lease.toTicket({ context: { a: "b" } });
    await expect(locks.adopt({ ...altered, check: "x" })).rejects.toThrow("altered");
  });
});
