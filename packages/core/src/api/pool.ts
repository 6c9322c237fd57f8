import type { LockState } from "../contract/admin.ts";
import type { Clock } from "../contract/clock.ts";
import type { PermitsMode } from "../contract/mode.ts";
import { checkOptionNames, type OptionNames } from "../contract/option-names.ts";
import type { PoolLease } from "../lease/lease.ts";
import { ACQUIRE_OPTIONS, type AcquireOptions } from "../lease/options.ts";
import { type Acquire, BoundLock, type Lockable } from "./lockable.ts";
import { checkSlot } from "./validate.ts";

/** Options of an acquire from a pool. */
export interface PoolAcquireOptions extends AcquireOptions {
  /** The slot that is wanted, from 1 to the pool's size. Default: whichever is free, the lowest first. */
  readonly slot?: number | "any";
}

/** What is known of one slot of a pool. */
export type PoolSlot =
  | { readonly slot: number; readonly inUse: false }
  | {
      readonly slot: number;
      readonly inUse: true;
      /** `LocksOptions.holder` of the process. */
      readonly holder: string | undefined;
      /** The first 8 characters of the owner token. */
      readonly token: string;
      readonly fencingToken: number | undefined;
      /** When it was granted, by the server's clock. */
      readonly since: Date | undefined;
      /** Milliseconds left unless it is extended. */
      readonly remaining: number | undefined;
      /** The same, as a time by this machine's clock. */
      readonly until: Date | undefined;
      readonly meta: Readonly<Record<string, string>>;
    };

/** Numbered slots that many processes share: each lease holds one of them. */
export interface Pool extends Lockable<PoolLease, PoolAcquireOptions> {
  readonly name: string;
  readonly size: number;
  /**
   * All slots, from 1, and who uses them; also those above `size` that others use who named a larger one.
   * @throws LockBackendError, LockUsageError
   */
  list(): Promise<readonly PoolSlot[]>;
}

const POOL_OPTIONS: OptionNames<PoolAcquireOptions> = { ...ACQUIRE_OPTIONS, slot: true };

export class SlotPool extends BoundLock<PoolLease, PoolAcquireOptions> implements Pool {
  constructor(
    readonly name: string,
    readonly size: number,
    acquire: (
      mode: PermitsMode,
      ...rest: Parameters<Acquire<PoolLease, PoolAcquireOptions>>
    ) => Promise<PoolLease>,
    private readonly inspect: () => Promise<LockState | null>,
    private readonly clock: Clock,
  ) {
    super(async (options, defaultWait) => {
      checkOptionNames("acquire of a pool", options, POOL_OPTIONS, "{ slot: 3, wait: 5000 }");
      const { slot = "any", ...others } = options ?? {};
      if (slot !== "any") checkSlot(slot, size);
      return acquire({ kind: "permits", permits: size, slot }, others, defaultWait);
    });
  }

  async list(): Promise<readonly PoolSlot[]> {
    const state = await this.inspect();
    const holders = (state?.holders ?? []).filter(({ slot }) => slot !== undefined);
    const length = Math.max(this.size, ...holders.map(({ slot = 0 }) => slot));
    const slots = Array.from({ length }, (_, index): PoolSlot => ({ slot: index + 1, inUse: false }));
    for (const { slot = 0, ...holder } of holders) {
      const { remaining } = holder;
      const until = remaining === undefined ? undefined : new Date(this.clock.now().wall + remaining);
      slots[slot - 1] = { slot, inUse: true, ...holder, until };
    }
    return slots;
  }
}
