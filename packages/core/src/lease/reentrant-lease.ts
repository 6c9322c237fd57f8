import { LockLostError, LockUsageError } from "../contract/errors.ts";
import { type Keys, showKeys } from "../contract/key.ts";
import type { LockMode } from "../contract/mode.ts";
import type { Lease, ReleaseResult } from "./lease.ts";
import type { LeaseContext } from "./lease-context.ts";
import type { Target } from "./target.ts";
import type { LeaseTicket } from "./ticket.ts";

/** A lease of ours, as far as those who acquire within it must know it. */
export interface OuterLease extends Lease {
  readonly context: LeaseContext;
  readonly mode: LockMode;
  readonly slot: number | undefined;
}

/**
 * The lease to use for a target that `outer` holds already; undefined where it holds none of its keys.
 * @throws LockUsageError where waiting for the rest could wait for the caller itself; LockLostError
 */
export function leaseWithin(outer: OuterLease, { keys, mode }: Target): OuterLease | undefined {
  const missing = keys.filter((key) => !outer.keys.includes(key));
  if (missing.length === keys.length) return undefined;
  if (missing.length > 0) {
    throw new LockUsageError(
      `the lease given as within has only some keys of ${JSON.stringify(showKeys(keys))}: acquire all keys at once, in the outer lease`,
    );
  }
  if (!includes(outer, mode)) {
    const key = JSON.stringify(showKeys(keys));
    const has = nameOf({ ...outer.mode, slot: outer.slot });
    throw new LockUsageError(
      `the lease given as within holds ${has} of ${key}, which does not include ${nameOf(mode)}: release it first`,
    );
  }
  outer.assertHeld();
  return new InnerLease(outer, keys);
}

function includes({ mode: held, slot }: OuterLease, wanted: LockMode): boolean {
  const wantedSlot = wanted.kind === "permits" ? wanted.slot : undefined;
  if (held.kind === "exclusive") return wantedSlot === undefined;
  if (held.kind !== wanted.kind) return false;
  return wantedSlot === undefined || wantedSlot === slot || (wantedSlot === "any" && slot !== undefined);
}

function nameOf(mode: {
  readonly kind: LockMode["kind"];
  readonly slot?: number | "any" | undefined;
}): string {
  if (mode.kind !== "permits") return `the ${mode.kind} lock`;
  if (mode.slot === undefined) return "a permit";
  return mode.slot === "any" ? "any slot" : `slot ${mode.slot}`;
}

/** A second use of a lease that somebody further out will release. */
class InnerLease implements OuterLease {
  #released = false;

  constructor(
    private readonly outer: OuterLease,
    readonly keys: Keys,
  ) {}

  get context(): LeaseContext {
    return this.outer.context;
  }

  get mode(): LockMode {
    return this.outer.mode;
  }

  get slot(): number | undefined {
    return this.outer.slot;
  }

  get token(): string {
    return this.outer.token;
  }

  get fencingToken(): number {
    return this.outer.fencingToken;
  }

  get signal(): AbortSignal {
    return this.outer.signal;
  }

  get validFor(): number {
    return this.#released ? 0 : this.outer.validFor;
  }

  assertHeld(): void {
    if (this.#released)
      throw new LockLostError(showKeys(this.keys), "expired", { because: "it was released" });
    this.outer.assertHeld();
  }

  async extend(ttl?: number): Promise<void> {
    this.assertHeld();
    await this.outer.extend(ttl);
  }

  async release(): Promise<ReleaseResult> {
    this.#released = true;
    return "released";
  }

  toTicket(): LeaseTicket {
    throw new LockUsageError(
      "a lease that was acquired within another cannot be handed over: hand over the outer one",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}
