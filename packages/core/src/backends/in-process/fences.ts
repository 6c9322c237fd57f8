import { type Clock, elapsed, type Instant } from "../../contract/clock.ts";

/** How a fencing token is minted. */
export interface MintOptions {
  /** For readers, who have the token of the last writer. */
  readonly shared: boolean;
  /** What a quorum proposes to all of its nodes: as small as may be, so that they agree. */
  readonly least: number | undefined;
  /** The grant has a token already, and shall have at least `least`. */
  readonly raised: boolean;
  /** How many tokens to reserve. */
  readonly count: number;
}

interface Counter {
  readonly fence: number;
  readonly since: Instant;
}

/** As long as the Redis backend keeps a counter after the last grant. */
const RETENTION = 3_600_000;

/** The fencing counters of keys, by the rules of the Redis backend (`mint` in fence.lua, `next_fence` in enter.lua). */
export class Fences {
  /** The one that was set last comes last. */
  readonly #counters = new Map<string, Counter>();

  constructor(private readonly clock: Clock) {}

  /** One token for all of these keys, or the first of several: larger than all before, or, for readers, that of the last writer. */
  mint(ids: readonly string[], { shared, least, raised, count }: MintOptions): number {
    // Microseconds of wall time: the token grows also over a restart of the process.
    const now = Math.floor(this.clock.now().wall * 1_000);
    const asItIs = shared && !raised;
    let fence = asItIs ? 0 : (least ?? now);
    for (const id of ids) {
      const last = this.#counters.get(id)?.fence;
      if (last !== undefined) fence = Math.max(fence, shared ? last : last + 1);
      else if (!asItIs) fence = Math.max(fence, now);
    }
    if (fence === 0) fence = Math.max(now, least ?? 0);
    this.raise(ids, fence + count - 1);
    return fence;
  }

  /** Those above `used` were not used: unless another was minted since, the next one follows `used`. */
  giveBack(id: string, { used, last }: { readonly used: number; readonly last: number }): void {
    if (this.#counters.get(id)?.fence === last)
      this.#counters.set(id, { fence: used, since: this.clock.now() });
  }

  /** Later grants of these keys have larger tokens than this one. */
  raise(ids: readonly string[], fence: number): void {
    const now = this.clock.now();
    for (const id of ids) {
      const last = this.#counters.get(id)?.fence ?? 0;
      this.#counters.delete(id);
      this.#counters.set(id, { fence: Math.max(last, fence), since: now });
    }
    this.#forgetOld(now);
  }

  #forgetOld(now: Instant): void {
    for (const [id, { since }] of this.#counters) {
      if (elapsed(since, now) < RETENTION) return;
      this.#counters.delete(id);
    }
  }
}
