import { elapsed, type Instant, ranFor, surelyElapsed } from "../contract/clock.ts";
import type { Validity } from "../contract/validity.ts";
import type { LeaseTerms } from "./options.ts";

/** For how long a lease is held, and may be. Durations are milliseconds. */
export class HoldTime {
  constructor(
    private readonly terms: LeaseTerms,
    /** The earliest and the latest instant at which it can have been granted. */
    private readonly earliest: Instant,
    private readonly latest: Instant,
  ) {}

  /** As events tell it. */
  heldFor(now: Instant): number {
    return ranFor(this.earliest, now);
  }

  /** For how long a release still keeps the key. */
  minHoldLeft(now: Instant): number {
    return this.terms.minHold - surelyElapsed(this.latest, now);
  }

  /** Until `maxHold` ends it. */
  left(now: Instant): number {
    const { maxHold } = this.terms;
    return maxHold === Number.POSITIVE_INFINITY ? maxHold : maxHold - elapsed(this.earliest, now);
  }

  /** A ttl that does not reach beyond `maxHold`. */
  clipped(ttl: number, now: Instant): number {
    return Math.max(1, Math.min(ttl, Math.ceil(this.left(now))));
  }

  /** Whether a validity reaches to the end that `maxHold` sets. */
  isFilledBy({ since, ttl }: Validity): boolean {
    return elapsed(this.earliest, since) + ttl >= this.terms.maxHold;
  }
}
