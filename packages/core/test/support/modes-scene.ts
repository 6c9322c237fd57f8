import fc from "fast-check";
import { expect } from "vitest";
import { isLockError, type Lease, type Lockable, type Locks } from "../../src/index.ts";

/** What a caller may want of keys that all share. */
type Want =
  | { readonly how: "write" | "read"; readonly keys: readonly string[] }
  | { readonly how: "permit" | "slot"; readonly keys: readonly string[]; readonly slot: number };

/** What may fail once. */
type Faulty = (typeof FAULTY)[number];

export type Step =
  | {
      readonly do: "acquire";
      readonly caller: number;
      readonly want: Want;
      readonly wait: number;
      readonly ttl: number;
    }
  | { readonly do: "abort" | "release" | "extend" | "travel"; readonly caller: number }
  | { readonly do: "force"; readonly key: string }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "block"; readonly ms: number }
  | {
      readonly do: "fault";
      readonly method: Faulty;
      readonly kind: "fail" | "loseAnswer";
    };

const FAULTY = ["tryAcquire", "extend", "release", "cancel", "adopt"] as const;
const CALLERS = 5;
const PERMITS = 2;
const KEYS = ["a", "b", "c"];

const caller = fc.nat(CALLERS - 1);
const keys = fc.subarray(KEYS, { minLength: 1, maxLength: 2 });
const want: fc.Arbitrary<Want> = fc.oneof(
  fc.record({ how: fc.constantFrom("write" as const, "read" as const), keys }),
  fc.record({
    how: fc.constantFrom("permit" as const, "slot" as const),
    keys: fc.constantFrom(["a"], ["b"]),
    slot: fc.nat(PERMITS),
  }),
);
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("acquire" as const),
      caller,
      want,
      wait: fc.constantFrom(0, 50, 1_000),
      ttl: fc.constantFrom(10, 100, 300),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "abort" as const,
        "release" as const,
        "release" as const,
        "extend" as const,
        "travel" as const,
      ),
      caller,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("advance" as const, "block" as const),
      ms: fc.constantFrom(0, 1, 33, 50, 97, 100, 400),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("force" as const), key: fc.constantFrom(...KEYS) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      method: fc.constantFrom(...FAULTY),
      kind: fc.constantFrom("fail" as const, "loseAnswer" as const),
    }),
  },
);

interface Holding {
  readonly lease: Lease;
  readonly want: Want;
}

/** Where it takes place. */
export interface World {
  /** As many processes as there are; callers are spread over them. */
  readonly locks: readonly [Locks, ...Locks[]];
  advance(ms: number): Promise<void>;
  /** The event loop stands still. */
  block(ms: number): void;
  fault(method: Faulty, kind: "fail" | "loseAnswer"): void;
  /** Ends all and makes sure that nothing is left of these keys. */
  end(keys: readonly string[]): Promise<void>;
}

/** What callers do with a few keys, and what must hold after every step. */
export class ModesScene {
  readonly #aborts = Array.from({ length: CALLERS }, () => new AbortController());
  readonly #holdings: (Holding | undefined)[] = Array.from({ length: CALLERS }, () => undefined);
  readonly #work: Promise<unknown>[] = [];
  /** Whoever takes a key by force must expect that its holders learn of it only by their next extend. */
  readonly #forced = new Set<Lease>();
  /** By key: the largest that was heard of, and that of the last writer. */
  readonly #fences = new Map<string, { readonly largest: number; readonly written: number }>();

  constructor(private readonly world: World) {}

  async take(now: Step): Promise<void> {
    if (now.do === "advance") await this.world.advance(now.ms);
    else if (now.do === "block") this.world.block(now.ms);
    else if (now.do === "force") await this.#force(now.key);
    else if (now.do === "fault") this.world.fault(now.method, now.kind);
    else if (now.do === "acquire") this.#acquire(now);
    else if (now.do === "abort") this.#aborts[now.caller]?.abort(new Error("aborted"));
    else if (now.do === "travel") this.#travel(now.caller);
    else if (now.do === "release") this.#track(this.#holdings[now.caller]?.lease.release());
    else this.#track(this.#holdings[now.caller]?.lease.extend());
    this.check();
  }

  /** Who believes at one moment must fit together. */
  check(): void {
    const believed = this.#holdings.filter(
      (held) => held !== undefined && held.lease.validFor > 0 && !this.#forced.has(held.lease),
    );
    for (const key of KEYS) {
      const inside = believed.flatMap((held) => (held?.want.keys.includes(key) ? [held] : []));
      const ways = new Set(inside.map(({ want: { how } }) => (how === "slot" ? "permit" : how)));
      expect(ways.size, `${key}: ${[...ways].join(" beside ")}`).toBeLessThanOrEqual(1);
      if (ways.has("write")) expect(inside.length, `writers of ${key}`).toBe(1);
      if (ways.has("permit")) expect(inside.length, `permits of ${key}`).toBeLessThanOrEqual(PERMITS);
      const slots = inside.flatMap(({ lease }) =>
        "slot" in lease && lease.slot !== undefined ? [lease.slot] : [],
      );
      expect(new Set(slots).size, `slots of ${key}: ${slots.join(", ")}`).toBe(slots.length);
    }
  }

  async end(): Promise<void> {
    await this.world.end(KEYS);
    expect((await Promise.all(this.#work)).filter((outcome) => outcome !== undefined)).toEqual([]);
    this.check();
  }

  #locksOf(index: number): Locks {
    const { locks } = this.world;
    return locks[index % locks.length] ?? locks[0];
  }

  async #force(key: string): Promise<void> {
    // Grants that are on their way to their callers are taken, too: let them arrive first.
    await this.world.advance(0);
    for (const held of this.#holdings) if (held?.want.keys.includes(key)) this.#forced.add(held.lease);
    this.#track(this.#locksOf(0).forceRelease(key));
  }

  #lockable(locks: Locks, { how, keys: wanted }: Want): Lockable {
    const [key = ""] = wanted;
    if (how === "permit") return locks.semaphore(key, { permits: PERMITS });
    return locks.readWrite(wanted)[how === "read" ? "read" : "write"];
  }

  #acquire({ caller: index, want: wanted, wait, ttl }: Extract<Step, { do: "acquire" }>): void {
    if ((this.#holdings[index]?.lease.validFor ?? 0) > 0) return;
    const abort = new AbortController();
    this.#aborts[index] = abort;
    const options = { wait, ttl, signal: abort.signal };
    const locks = this.#locksOf(index);
    const acquiring =
      wanted.how === "slot"
        ? locks
            .pool(wanted.keys[0] ?? "", { size: PERMITS })
            .acquire({ ...options, slot: wanted.slot === 0 ? "any" : wanted.slot })
        : this.#lockable(locks, wanted).acquire(options);
    this.#track(acquiring.then((lease) => this.#hold(index, { lease, want: wanted })));
  }

  #hold(index: number, held: Holding): void {
    const before = this.#holdings[index];
    this.#holdings[index] = held;
    this.check();
    const { lease, want: wanted } = held;
    // A stall between the grant and this moment may have outlasted the lease: a later grant may have been heard first.
    if (lease.validFor > 0) {
      for (const key of wanted.keys) this.#checkFence(key, wanted.how, lease.fencingToken);
    }
    if (before !== undefined && before.lease.validFor > 0) this.#track(before.lease.release());
  }

  /** Leases that are held together may be heard of in any order. */
  #checkFence(key: string, how: Want["how"], fence: number): void {
    const { largest, written } = this.#fences.get(key) ?? { largest: 0, written: 0 };
    if (how === "write") expect(fence).toBeGreaterThan(largest);
    else if (how === "read") expect(fence).toBeGreaterThanOrEqual(written);
    else expect(fence).toBeGreaterThan(written);
    this.#fences.set(key, {
      largest: Math.max(largest, fence),
      written: how === "write" ? fence : written,
    });
  }

  /** Given away, and adopted by the same caller: the first copy may not be believed any more. */
  #travel(index: number): void {
    const held = this.#holdings[index];
    if (held === undefined || held.lease.validFor === 0) return;
    const ticket = held.lease.toTicket();
    this.#holdings[index] = undefined;
    const forced = this.#forced.has(held.lease);
    const adopting = this.#locksOf(index + 1)
      .adopt(ticket)
      .then((lease) => {
        if (forced) this.#forced.add(lease);
        const before = this.#holdings[index];
        this.#holdings[index] = { lease, want: held.want };
        this.check();
        if (before !== undefined && before.lease.validFor > 0) this.#track(before.lease.release());
      });
    this.#track(adopting);
  }

  /** Every promise must settle, with a value or with an error of ours (or the reason of the abort). */
  #track(work: Promise<unknown> | undefined): void {
    const settled = work?.then(
      () => undefined,
      (error: unknown) => {
        const expected = isLockError(error) || (error instanceof Error && error.message === "aborted");
        return expected ? undefined : error;
      },
    );
    if (settled !== undefined) this.#work.push(settled);
  }
}
