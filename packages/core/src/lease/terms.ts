import type { LockLostError } from "../contract/errors.ts";
import type { AcquireOptions } from "./options.ts";

/** How a lease is kept. */
export interface LeaseTerms {
  readonly renew: boolean;
  /** Milliseconds. */
  readonly minHold: number;
  /** Milliseconds; may be infinite. */
  readonly maxHold: number;
  readonly onLost?: ((error: LockLostError) => void) | undefined;
}

const NO_LIMIT = Number.POSITIVE_INFINITY;

/** What leases are kept by where nothing else is asked for. */
export const RENEWED: LeaseTerms = { renew: true, minHold: 0, maxHold: NO_LIMIT };

/** Whether nothing ends the lease but its holder and the server. */
export function isUsual({ renew, minHold, maxHold }: LeaseTerms): boolean {
  return renew && minHold === 0 && maxHold === NO_LIMIT;
}

export function termsOf({
  renew = true,
  minHold = 0,
  maxHold = NO_LIMIT,
  onLost,
}: AcquireOptions): LeaseTerms {
  const terms = { renew, minHold, maxHold, onLost };
  return onLost === undefined && isUsual(terms) ? RENEWED : terms;
}
