import { beforeEach, describe, expect, it } from "vitest";
import type { AcquireRequest, Granted } from "../src/contract/backend.ts";
import { inProcessBackend } from "../src/in-process.ts";
import { type AcquireOptions, createLocks, type Lease, type Locks } from "../src/index.ts";
import { FakeClock, FaultyBackend } from "../src/testing.ts";

let clock: FakeClock;
let backend: FaultyBackend;
let locks: Locks;
let rivals: Locks;

beforeEach(() => {
  clock = new FakeClock();
  const real = inProcessBackend({ clock });
  backend = new FaultyBackend(real);
  locks = createLocks({ backend, holder: "us" });
  rivals = createLocks({ backend: real, holder: "rivals" });
});

const KEY = "key";
const OPTIONS: AcquireOptions = { ttl: 3_000, wait: "forever" };

/** What becomes of several acquires, by the numbers under which they were asked for. */
interface Crowd {
  readonly leases: Map<number, Lease>;
  readonly errors: Map<number, unknown>;
}

/** So many ask for the key at once. */
function crowd(count: number, options = OPTIONS, from = locks): Crowd {
  const leases = new Map<number, Lease>();
  const errors = new Map<number, unknown>();
  for (let n = 0; n < count; n++) {
    from.acquire(KEY, options).then(
      (lease) => void leases.set(n, lease),
      (error: unknown) => void errors.set(n, error),
    );
  }
  return { leases, errors };
}

async function waiters() {
  return (await rivals.inspect(KEY))?.waiters.map(({ count }) => count) ?? [];
}

async function theLease({ leases }: Crowd, n: number): Promise<Lease> {
  await clock.advance(0);
  const lease = leases.get(n);
  if (lease === undefined) throw new Error(`number ${n} has no lease: only ${[...leases.keys()]}`);
  return lease;
}

describe("waiters of one process", () => {
  let held: Lease;
  beforeEach(async () => {
    held = await rivals.acquire(KEY, { ttl: 60_000 });
  });

  it("that come at about the same moment share a place in the queue", async () => {
    crowd(3);
    await clock.advance(29);
    crowd(2);
    await clock.advance(0);
    expect(await waiters()).toEqual([5]);
    expect((await rivals.inspect(KEY))?.waiting).toBe(5);
    // The first of them counts, not the last.
    await clock.advance(2);
    crowd(1);
    await clock.advance(0);
    expect(await waiters()).toEqual([5, 1]);
  });

  it.each([
    ["31 ms later", 31, OPTIONS],
    ["with another ttl", 0, { ...OPTIONS, ttl: 2_000 }],
    ["with a maxHold", 0, { ...OPTIONS, maxHold: 3_000 }],
    ["with a minHold", 0, { ...OPTIONS, minHold: 1 }],
    ["without renewal", 0, { ...OPTIONS, renew: false }],
  ])("have one of their own: %s", async (_, after, options) => {
    crowd(1);
    await clock.advance(after);
    crowd(1, options);
    await clock.advance(0);
    expect(await waiters()).toEqual([1, 1]);
  });

  it("do not join a position that is in front of another one of their process", async () => {
    crowd(1);
    crowd(1, { ...OPTIONS, minHold: 1 });
    crowd(1);
    await clock.advance(0);
    expect(await waiters()).toEqual([1, 1, 1]);
  });

  it("are 64 at most in one place", async () => {
    crowd(130);
    await clock.advance(0);
    expect(await waiters()).toEqual([64, 64, 2]);
  });

  it("get the key one after the other with one command, and rising fencing tokens", async () => {
    const many = crowd(5);
    await clock.advance(0);
    const [asked, released] = [backend.calls.tryAcquire, backend.calls.release];
    await held.release();
    let last = held.fencingToken;
    for (let n = 0; n < 5; n++) {
      const lease = await theLease(many, n);
      expect(many.leases.size).toBe(n + 1);
      expect(lease.fencingToken).toBeGreaterThan(last);
      expect(lease.validFor).toBeGreaterThan(2_900);
      last = lease.fencingToken;
      expect(backend.calls.release).toBe(released);
      expect(await lease.release()).toBe("released");
    }
    expect([backend.calls.tryAcquire, backend.calls.extend, backend.calls.release]).toEqual([
      asked,
      0,
      released + 1,
    ]);
    expect(await rivals.inspect(KEY)).toBeNull();
  });

  it("leave no gap in the fencing tokens when some of them are gone", async () => {
    const ended = new AbortController();
    const one = crowd(1);
    crowd(4, { ...OPTIONS, signal: ended.signal });
    await clock.advance(0);
    await held.release();
    const lease = await theLease(one, 0);
    ended.abort();
    await lease.release();
    expect((await rivals.acquire(KEY)).fencingToken).toBe(lease.fencingToken + 1);
  });

  it("pass on what is left of the validity, and no more", async () => {
    const many = crowd(2);
    await clock.advance(0);
    await held.release();
    const first = await theLease(many, 0);
    await clock.advance(15);
    await first.release();
    // 1 % of the ttl and 2 ms for clocks that run apart.
    expect((await theLease(many, 1)).validFor).toBe(3_000 - 30 - 2 - 15);
  });

  it("ask the server before the next has it when its word is 30 ms old", async () => {
    const many = crowd(2);
    await clock.advance(0);
    await held.release();
    const first = await theLease(many, 0);
    await clock.advance(31);
    await first.release();
    const second = await theLease(many, 1);
    expect(backend.calls.extend).toBe(1);
    expect(second.validFor).toBeGreaterThan(2_960);
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
  });

  it("count on no fencing token that was not told", async () => {
    /** The answer in which the reserved tokens stood was lost: the next one tells of the first only. */
    class Forgetful extends FaultyBackend {
      override async waitForTurn(request: AcquireRequest): Promise<Granted | null> {
        const granted = await super.waitForTurn(request);
        return granted && { ...granted, lastFence: undefined };
      }
    }
    const forgetful = new Forgetful(backend);
    const many = crowd(3, OPTIONS, createLocks({ backend: forgetful }));
    await clock.advance(0);
    await held.release();
    await (await theLease(many, 0)).release();
    await (await theLease(many, 1)).release();
    await (await theLease(many, 2)).release();
    expect(forgetful.calls.extend).toBe(1);
  });

  it("ask the server again where its word was on its way for long", async () => {
    const many = crowd(3);
    await clock.advance(0);
    await held.release();
    await (await theLease(many, 0)).release();
    const second = await theLease(many, 1);
    const answer = backend.hang("extend");
    await clock.advance(45);
    expect(backend.calls.extend).toBe(1);
    answer();
    backend.heal();
    await clock.advance(7);
    await second.release();
    await theLease(many, 2);
    expect(backend.calls.extend).toBe(2);
  });

  it("do not pass on what is nearly over", async () => {
    const first = crowd(1, { ...OPTIONS, ttl: 50 });
    let begins = 0;
    void locks.acquire(KEY, { ...OPTIONS, ttl: 50 }).then(({ validFor }) => {
      begins = validFor;
    });
    await clock.advance(0);
    await held.release();
    const lease = await theLease(first, 0);
    clock.block(26);
    await lease.release();
    await clock.advance(0);
    expect(begins).toBeGreaterThan(40);
  });

  it("are shown to others, who has the key by now, within 60 ms", async () => {
    const first = crowd(1, { ...OPTIONS, meta: { n: "first" } });
    const second = crowd(1, { ...OPTIONS, meta: { n: "second" } });
    await clock.advance(0);
    await held.release();
    await (await theLease(first, 0)).release();
    const lease = await theLease(second, 0);
    await clock.advance(40);
    const [shown] = (await rivals.inspect(KEY))?.holders ?? [];
    expect(shown).toMatchObject({ meta: { n: "second" }, fencingToken: lease.fencingToken });
    expect(backend.calls.extend).toBe(1);
    await clock.advance(10_000);
    lease.assertHeld();
  });

  describe("when some of them give up", () => {
    const three = () => [0, 1, 2].map(() => new AbortController());
    const ask = (enders: AbortController[]) => enders.map(({ signal }) => crowd(1, { ...OPTIONS, signal }));

    /** Who of them is served, in this order. */
    async function served(crowds: readonly Crowd[]): Promise<number[]> {
      const order: number[] = [];
      for (const [n, { leases, errors }] of crowds.entries()) {
        await clock.advance(0);
        if (leases.has(0)) order.push(n);
        else expect(String(errors.get(0))).toContain("enough");
        await leases.get(0)?.release();
      }
      expect(await rivals.inspect(KEY)).toBeNull();
      expect(clock.pending).toBe(0);
      return order;
    }

    const GONE = [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]];
    const left = (gone: readonly number[]) => [0, 1, 2].filter((n) => !gone.includes(n));

    it.each(GONE)("the others are served where they wait in the queue: %o, %o, %o", async (...gone) => {
      const enders = three();
      const crowds = ask(enders);
      await clock.advance(0);
      for (const n of gone) enders[n]?.abort(new Error("enough"));
      await held.release();
      expect(await served(crowds)).toEqual(left(gone));
    });

    it.each(GONE)("the others are served where one of them has the key: %o, %o, %o", async (...gone) => {
      const enders = three();
      const first = crowd(1);
      const crowds = ask(enders);
      await clock.advance(0);
      await held.release();
      const lease = await theLease(first, 0);
      for (const n of gone) enders[n]?.abort(new Error("enough"));
      await lease.release();
      expect(await served(crowds)).toEqual(left(gone));
    });

    it("others see how many are left", async () => {
      const ended = new AbortController();
      crowd(3);
      crowd(2, { ...OPTIONS, signal: ended.signal });
      await clock.advance(0);
      ended.abort();
      await clock.advance(0);
      expect(await waiters()).toEqual([3]);
    });

    it("by the end of their time, they are told who has it", async () => {
      crowd(1);
      const short = crowd(1, { ...OPTIONS, wait: 2_000 });
      await clock.advance(2_001);
      expect(short.errors.get(0)).toMatchObject({ code: "LOCK_TIMEOUT", holder: { holder: "rivals" } });
    });

    it("by the end of their time, they are told that their own process has it", async () => {
      crowd(1);
      const short = crowd(1, { ...OPTIONS, wait: 2_000 });
      await clock.advance(0);
      await held.release();
      await clock.advance(2_001);
      expect(short.errors.get(0)).toMatchObject({ code: "LOCK_TIMEOUT", holder: { holder: "us" } });
    });
  });

  describe("stand at their place again when the lease before", () => {
    async function scene() {
      const many = crowd(3);
      await clock.advance(0);
      const later = crowd(1, OPTIONS, rivals);
      await clock.advance(0);
      await held.release();
      return { first: await theLease(many, 0), many, later };
    }
    type Scene = Awaited<ReturnType<typeof scene>>;

    /** They have another owner token, since the one before may still be in use. */
    async function expectServed({ first, many }: Scene) {
      const second = await theLease(many, 1);
      expect(second.token).not.toBe(first.token);
      expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
      await second.release();
      await (await theLease(many, 2)).release();
    }

    /** Who came later was not passed over by them, or was served when the server had freed the key. */
    async function expectLater({ later }: Scene) {
      await (await theLease(later, 0)).release();
    }

    it("was extended to more than they asked for", async () => {
      const all = await scene();
      await all.first.extend(50_000);
      await all.first.release();
      await expectServed(all);
      await expectLater(all);
    });

    it("was lost since this process stood still", async () => {
      const all = await scene();
      clock.block(2_990);
      await clock.advance(0);
      expect(() => all.first.assertHeld()).toThrow("blocked");
      await expectServed(all);
      await expectLater(all);
    });

    it("had ended unheard when it was released", async () => {
      const all = await scene();
      clock.block(2_990);
      expect(await all.first.release()).toBe("expired");
      await expectServed(all);
      await expectLater(all);
    });

    it("was given away by a ticket", async () => {
      const all = await scene();
      const adopted = await rivals.adopt(all.first.toTicket());
      await clock.advance(0);
      expect(all.many.leases.size).toBe(1);
      expect(await waiters()).toEqual([2, 1]);
      await adopted.release();
      await expectServed(all);
      await expectLater(all);
    });

    it.each([
      ["was taken by force", () => rivals.forceRelease(KEY)],
      ["ended at the server", async () => clock.block(4_000)],
    ])("%s: behind the one that the server has served since", async (_, lose) => {
      const all = await scene();
      await lose();
      await clock.advance(1_100);
      expect(() => all.first.assertHeld()).toThrow("is over");
      expect(all.many.leases.size).toBe(1);
      await expectLater(all);
      await expectServed(all);
    });

    it("could not be confirmed for them", async () => {
      const all = await scene();
      await clock.advance(31);
      const answer = backend.hang("extend");
      void all.first.release();
      await clock.advance(3_200);
      answer();
      backend.heal();
      await expectLater(all);
      await clock.advance(2_000);
      await expectServed(all);
    });
  });

  it("are told that their locks were closed, and free the key", async () => {
    const many = crowd(3);
    await clock.advance(0);
    await held.release();
    await theLease(many, 0);
    await locks.close();
    await clock.advance(0);
    for (const n of [1, 2]) expect(many.errors.get(n)).toMatchObject({ code: "LOCK_USAGE" });
    expect(await rivals.inspect(KEY)).toBeNull();
    expect(clock.pending).toBe(0);
  });

  it("are told that their locks were closed while the server was asked for them", async () => {
    const many = crowd(3);
    await clock.advance(0);
    await held.release();
    const first = await theLease(many, 0);
    await clock.advance(31);
    const answer = backend.hang("extend");
    void first.release();
    await clock.advance(0);
    const closing = locks.close();
    answer();
    backend.heal();
    await closing;
    await clock.advance(0);
    for (const n of [1, 2]) expect(many.errors.get(n)).toMatchObject({ code: "LOCK_USAGE" });
    expect(await rivals.inspect(KEY)).toBeNull();
  });

  it("are told a fault of the backend, each when its time is over", async () => {
    backend.fail("tryAcquire", undefined, 1_000);
    const [short, long] = [crowd(1, { ...OPTIONS, wait: 100 }), crowd(1)];
    await clock.advance(150);
    expect(short.errors.get(0)).toMatchObject({ code: "LOCK_BACKEND" });
    backend.heal();
    await clock.advance(2_000);
    expect(await waiters()).toEqual([1]);
    await held.release();
    await (await theLease(long, 0)).release();
  });

  it("of a lease that was extended to more, and then to less, ask the server again", async () => {
    const many = crowd(2);
    await clock.advance(0);
    await held.release();
    const first = await theLease(many, 0);
    await first.extend(60_000);
    await first.extend(500);
    await first.release();
    expect((await theLease(many, 1)).validFor).toBeLessThan(3_000);
  });

  it("are told the fault where the server could not be asked to confirm the lease for them", async () => {
    const many = crowd(1);
    const short = crowd(1, { ...OPTIONS, wait: 500 });
    await clock.advance(0);
    await held.release();
    const first = await theLease(many, 0);
    await clock.advance(31);
    backend.fail("extend", undefined, 1_000);
    await first.release();
    await clock.advance(600);
    expect(short.errors.get(0)).toMatchObject({ code: "LOCK_BACKEND" });
  });

  it("free the key although the release fails that ends their turn", async () => {
    const many = crowd(1);
    const short = crowd(1, { ...OPTIONS, wait: 100 });
    await clock.advance(0);
    await held.release();
    const first = await theLease(many, 0);
    await first.extend(3_600_000);
    backend.fail("release");
    await first.release();
    await clock.advance(2_000);
    expect(short.errors.size + short.leases.size).toBe(1);
    await short.leases.get(0)?.release();
    expect(await rivals.inspect(KEY)).toBeNull();
  });

  it("are told by a release that the lease was taken by force, once the server was asked", async () => {
    const many = crowd(2);
    await clock.advance(0);
    await held.release();
    const first = await theLease(many, 0);
    await clock.advance(31);
    await rivals.forceRelease(KEY);
    const releasing = first.release();
    await clock.advance(0);
    expect(await releasing).toBe("expired");
    await (await theLease(many, 1)).release();
    expect(await rivals.inspect(KEY)).toBeNull();
  });

  it("show the fencing token of who adopted what one of them gave away", async () => {
    const many = crowd(2);
    await clock.advance(0);
    await held.release();
    await (await theLease(many, 0)).release();
    const adopted = await rivals.adopt((await theLease(many, 1)).toTicket());
    const [shown] = (await rivals.inspect(KEY))?.holders ?? [];
    expect(shown?.fencingToken).toBe(adopted.fencingToken);
  });

  it("keep their place when they were granted too late", async () => {
    const first = crowd(1, { ...OPTIONS, ttl: 1_000 });
    const second = crowd(1, { ...OPTIONS, ttl: 2_000 });
    const third = crowd(1, { ...OPTIONS, ttl: 4_000 });
    await clock.advance(0);
    await held.release();
    clock.block(995);
    await clock.advance(50);
    await (await theLease(second, 0)).release();
    await (await theLease(first, 0)).release();
    await (await theLease(third, 0)).release();
  });
});

describe("a listener", () => {
  it("of acquired may abort the signal of that acquire: its caller has the lease", async () => {
    const ended = new AbortController();
    const first = crowd(1, { ...OPTIONS, signal: ended.signal });
    const second = crowd(1);
    locks.on("acquired", () => ended.abort());
    await (await theLease(first, 0)).release();
    await (await theLease(second, 0)).release();
    expect(await rivals.inspect(KEY)).toBeNull();
    await locks.close();
    expect(clock.pending).toBe(0);
  });

  it("of acquired may end those who wait behind it", async () => {
    const ended = new AbortController();
    const first = crowd(1);
    const second = crowd(1, { ...OPTIONS, signal: ended.signal });
    const third = crowd(1);
    locks.on("acquired", () => ended.abort());
    await (await theLease(first, 0)).release();
    await (await theLease(third, 0)).release();
    expect(second.errors.size).toBe(1);
    expect(await rivals.inspect(KEY)).toBeNull();
  });

  it.each(["abort", "close"])("of released may end the last one who waits: %s", async (how) => {
    const ended = new AbortController();
    const first = crowd(1);
    crowd(1, { ...OPTIONS, signal: ended.signal });
    locks.on("released", () => (how === "abort" ? ended.abort() : void locks.close()));
    expect(await (await theLease(first, 0)).release()).toBe("released");
    await clock.advance(0);
    expect(await rivals.inspect(KEY)).toBeNull();
    await locks.close();
    expect(clock.pending).toBe(0);
  });

  it("of failed may end others: each waiter is told once, and none that wants to wait", async () => {
    const ended = new AbortController();
    backend.fail("tryAcquire", undefined, 1_000);
    const short = crowd(1, { ...OPTIONS, wait: 1 });
    const aborted = crowd(1, { ...OPTIONS, wait: 1, signal: ended.signal });
    const patient = crowd(1);
    locks.on("failed", () => ended.abort());
    await clock.advance(5);
    expect([short.errors.size, aborted.errors.size, patient.errors.size]).toEqual([1, 1, 0]);
    backend.heal();
    await clock.advance(2_000);
    await (await theLease(patient, 0)).release();
    expect(await rivals.inspect(KEY)).toBeNull();
  });

  it("of contended may abort the acquire, which does not wait then", async () => {
    const ended = new AbortController();
    const names: string[] = [];
    await rivals.acquire(KEY);
    for (const name of ["contended", "waiting", "aborted"] as const) locks.on(name, () => names.push(name));
    locks.on("contended", () => ended.abort());
    crowd(1, { ...OPTIONS, signal: ended.signal });
    await clock.advance(0);
    expect(names).toEqual(["contended", "aborted"]);
  });
});

describe.each(["abort", "close"])("an acquire that is ended while its grant is on its way: %s", (how) => {
  it.each(Array.from({ length: 16 }, (_, turn) => turn))("frees the key, %i turns later", async (turns) => {
    const ended = new AbortController();
    const { leases, errors } = crowd(1, { ...OPTIONS, signal: ended.signal });
    for (let turn = 0; turn < turns; turn++) await undefined;
    if (how === "abort") ended.abort();
    else void locks.close();
    await clock.advance(0);
    expect(leases.size + errors.size).toBe(1);
    await leases.get(0)?.release();
    expect(await rivals.inspect(KEY)).toBeNull();
    await locks.close();
    expect(clock.pending).toBe(0);
  });
});

describe("maxWaiters", () => {
  it("refuses an acquire that would wait behind so many, until one of them is served or gone", async () => {
    const few = createLocks({ backend, maxWaiters: 2 });
    const refused: string[] = [];
    few.on("refused", ({ key }) => refused.push(key));
    const held = await rivals.acquire(KEY);
    const first = crowd(1, OPTIONS, few);
    const ended = new AbortController();
    crowd(1, { ...OPTIONS, signal: ended.signal }, few);
    await clock.advance(0);
    const overloaded = { code: "LOCK_OVERLOADED", retryable: true, key: KEY };
    await expect(few.acquire(KEY, OPTIONS)).rejects.toMatchObject(overloaded);
    await expect(few.acquire(["another", KEY], OPTIONS)).rejects.toMatchObject(overloaded);
    expect(refused).toEqual([KEY, `another, ${KEY}`]);
    // Who does not wait is told that the key is busy, and other keys are other queues.
    expect(await few.tryAcquire(KEY)).toBeNull();
    await (await few.acquire("another")).release();
    ended.abort();
    const third = crowd(1, OPTIONS, few);
    await clock.advance(0);
    expect(third.errors.size).toBe(0);
    await held.release();
    await (await theLease(first, 0)).release();
    await (await theLease(third, 0)).release();
    await few.close();
    expect(clock.pending).toBe(0);
  });

  it.each([0, -1, 1.5, "many", Number.NaN])("must be a whole number above 0: %o", (maxWaiters) => {
    expect(() => createLocks({ backend, maxWaiters: maxWaiters as number })).toThrow("maxWaiters");
  });
});
