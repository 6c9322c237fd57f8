import { fewOrMany } from "@lock/redis-harness/vitest";
import fc from "fast-check";
import { expect, it } from "vitest";
import { inProcessBackend } from "../src/in-process.ts";
import { createLocks, isLockError, type Lease, type Locks } from "../src/index.ts";
import { FakeClock, FaultyBackend } from "../src/testing.ts";

/** What can happen at one moment, to one of three callers of one key. */
type Step =
  | { readonly do: "acquire"; readonly caller: number; readonly wait: number; readonly ttl: number }
  | { readonly do: "abort" | "release" | "extend"; readonly caller: number }
  | { readonly do: "force" }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "block"; readonly ms: number }
  | {
      readonly do: "fault";
      readonly method: "tryAcquire" | "extend" | "release" | "cancel";
      readonly kind: "fail" | "lose";
    };

const caller = fc.nat(2);
const ms = fc.constantFrom(0, 1, 20, 33, 50, 97, 100, 400);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("acquire" as const),
      caller,
      wait: fc.constantFrom(0, 50, 1_000),
      ttl: fc.constantFrom(10, 100, 300),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("abort" as const, "release" as const, "extend" as const),
      caller,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("advance" as const, "block" as const), ms }) },
  { weight: 1, arbitrary: fc.constant({ do: "force" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      method: fc.constantFrom(
        "tryAcquire" as const,
        "extend" as const,
        "release" as const,
        "cancel" as const,
      ),
      kind: fc.constantFrom("fail" as const, "lose" as const),
    }),
  },
);

/** What a promise rejected with that it should not have. */
class Broken {
  constructor(readonly error: unknown) {}
}

/** Three callers of one key, and what must hold after every step. */
class Scene {
  readonly clock = new FakeClock();
  readonly backend = new FaultyBackend(inProcessBackend({ clock: this.clock }));
  readonly locks: Locks = createLocks({ backend: this.backend });
  readonly #aborts = [0, 1, 2].map(() => new AbortController());
  readonly #leases: (Lease | undefined)[] = [undefined, undefined, undefined];
  readonly #work: Promise<unknown>[] = [];
  /** Whoever takes a key by force must expect that its holder learns of it only by its next extend. */
  readonly #forced = new Set<Lease>();
  /** The same for who gets it next within its process, by the same owner token, before that. */
  readonly #forcedTokens = new Set<string>();
  #lastFence = 0;

  async take(now: Step): Promise<void> {
    if (now.do === "advance") await this.clock.advance(now.ms);
    else if (now.do === "block") this.clock.block(now.ms);
    else if (now.do === "force") await this.#force();
    else if (now.do === "fault") this.backend[now.kind === "fail" ? "fail" : "loseAnswer"](now.method);
    else if (now.do === "acquire") this.#acquire(now);
    else if (now.do === "abort") this.#aborts[now.caller]?.abort(new Error("aborted"));
    else if (now.do === "release") this.#track(this.#leases[now.caller]?.release());
    else this.#track(this.#leases[now.caller]?.extend());
    this.check();
  }

  /** At most one lease is believed, and no lease says that it is held while its signal says that it is not. */
  check(): void {
    const believed = this.#leases.filter((lease) => lease && lease.validFor > 0 && !this.#forced.has(lease));
    expect(believed.length).toBeLessThanOrEqual(1);
    for (const lease of this.#leases) expect((lease?.validFor ?? 0) > 0 && lease?.signal.aborted).toBeFalsy();
  }

  async end(): Promise<void> {
    this.backend.heal();
    const closing = this.locks.close();
    await this.clock.advance(3_000);
    await closing;
    const broken = (await Promise.all(this.#work)).filter((outcome) => outcome instanceof Broken);
    expect(broken).toEqual([]);
    this.check();
    expect(await this.backend.admin.inspect({ prefix: "lock", key: "key" })).toBeNull();
    expect(this.clock.pending).toBe(0);
  }

  async #force(): Promise<void> {
    // Grants that are on their way to their callers are taken, too: let them arrive first.
    await this.clock.advance(0);
    for (const lease of this.#leases) {
      if (lease === undefined) continue;
      this.#forced.add(lease);
      this.#forcedTokens.add(lease.token);
    }
    this.#track(this.locks.forceRelease("key"));
  }

  #acquire({ caller: index, wait, ttl }: Extract<Step, { do: "acquire" }>): void {
    if ((this.#leases[index]?.validFor ?? 0) > 0) return;
    const abort = new AbortController();
    this.#aborts[index] = abort;
    const acquired = this.locks.acquire("key", { wait, ttl, signal: abort.signal }).then((lease) => {
      if (this.#forcedTokens.has(lease.token)) this.#forced.add(lease);
      else {
        expect(lease.fencingToken).toBeGreaterThan(this.#lastFence);
        this.#lastFence = lease.fencingToken;
      }
      const before = this.#leases[index];
      this.#leases[index] = lease;
      this.check();
      if (before !== undefined && before.validFor > 0) this.#track(before.release());
    });
    this.#track(acquired);
  }

  /** Every promise must settle, with a value or with an error of ours (or the reason of the abort). */
  #track(work: Promise<unknown> | undefined): void {
    const settled = work?.catch((error: unknown) => {
      const expected = isLockError(error) || (error instanceof Error && error.message === "aborted");
      return expected ? undefined : new Broken(error);
    });
    if (settled !== undefined) this.#work.push(settled);
  }
}

const numRuns = fewOrMany(1_000, 100_000);

it(`acquire, release, extend, abort, faults and blocked loops in ${numRuns} random orders`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 20 }), async (steps) => {
      const scene = new Scene();
      for (const now of steps) await scene.take(now);
      await scene.end();
    }),
    { numRuns },
  );
}, 900_000);
