import type { AcquireOutcome, Granted, LockBackend } from "../contract/backend.ts";
import type { AcquireContext } from "./acquire-context.ts";
import { Acquisition, BUSY, isValid } from "./acquisition.ts";
import type { Deadline } from "./deadline.ts";
import type { HeldLease } from "./held-lease.ts";
import type { LeaseTerms } from "./terms.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/**
 * The only acquire loop: attempt, wait for a hint, attempt. Ends with a lease, or with an error while everything is undone
 * in the background. Most ask once, for a key that is free, and that is all: what others need is not even made. Tens of
 * thousands may wait at once, so one that waits consists of this suspended function, an `Acquisition` and the promise of a
 * hint.
 * @throws LockTimeoutError when the key stays busy, LockBackendError when the backend fails for as long as the
 *   caller waits, and whatever reason the caller interrupted the wait with
 */
export async function acquireLock(
  context: AcquireContext,
  request: TrackedRequest,
  deadline: Deadline,
  terms: LeaseTerms,
): Promise<HeldLease> {
  const { backend } = context;
  let acquisition: Acquisition | undefined;
  try {
    let first: Promise<AcquireOutcome> | undefined;
    if (!request.queue || deadline.outlasts(backend.requestTimeout)) {
      first = backend.tryAcquire(request);
      const granted = await plainGrant(backend, first);
      if (granted !== null && context.isOpen()) return context.lease(request, granted, deadline, terms);
    }
    context.waits(deadline);
    acquisition = new Acquisition(context, request, deadline, terms, first);
    first = undefined;
    for (;;) {
      // One variable: each is kept for every acquire that waits here.
      let granted = await acquisition.ask();
      if (granted === BUSY) granted = await acquisition.wait();
      const lease = await acquisition.accept(granted);
      if (lease !== null) return lease;
    }
  } catch (error) {
    acquisition?.fail(error);
    throw error;
  } finally {
    context.ended(deadline);
  }
}

/** A grant that is believed, and has nothing to tell beside; else null, also for a fault. */
async function plainGrant(backend: LockBackend, asking: Promise<AcquireOutcome>): Promise<Granted | null> {
  try {
    const outcome = await asking;
    if (outcome.status !== "granted" || outcome.votes !== undefined) return null;
    return outcome.otherPermits === undefined && isValid(backend, outcome) ? outcome : null;
  } catch {
    return null;
  }
}
