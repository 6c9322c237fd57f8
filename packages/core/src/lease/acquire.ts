import type { AcquireContext } from "./acquire-context.ts";
import { Acquisition, BUSY } from "./acquisition.ts";
import type { Deadline } from "./deadline.ts";
import type { HeldLease } from "./held-lease.ts";
import type { LeaseTerms } from "./terms.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/**
 * Acquires one key, or several in one attempt. Ends with a lease, or with an error while everything is undone in the
 * background.
 * @throws LockTimeoutError when the key stays busy, LockBackendError when the backend fails for as long as the
 *   caller waits, and whatever reason the caller interrupted the wait with
 */
export function acquireLock(
  context: AcquireContext,
  request: TrackedRequest,
  deadline: Deadline,
  terms: LeaseTerms,
): Promise<HeldLease> {
  return run(new Acquisition(context, request, deadline, terms));
}

/**
 * The only acquire loop: attempt, wait for a hint, attempt. Tens of thousands may wait at once: one that waits consists of
 * this suspended function, an `Acquisition` and the promise of a hint. So it has few variables.
 */
async function run(acquisition: Acquisition): Promise<HeldLease> {
  try {
    for (let granted = await acquisition.begin(); ; granted = await acquisition.ask()) {
      if (granted === BUSY) granted = await acquisition.wait();
      if (granted !== null && !acquisition.isValid(granted)) granted = await acquisition.giveUpLate();
      const lease = acquisition.accept(granted);
      if (lease !== null) return lease;
    }
  } catch (error) {
    acquisition.fail(error);
    throw error;
  }
}
