import type { AcquireRequest } from "./backend.ts";
import { LockBackendError, LockTimeoutError } from "./errors.ts";
import type { Events } from "./events.ts";
import { showKeys } from "./key.ts";
import type { Patience } from "./patience.ts";

/** Tells that an acquire has ended without a lease. What its caller did wrong is the caller's to hear, and not told. */
export function tellFailure(
  events: Events,
  { keys, queue }: AcquireRequest,
  { waited, interrupted }: Patience,
  error: unknown,
): void {
  const key = showKeys(keys);
  if (interrupted !== undefined && interrupted.reason === error) {
    events.emit("aborted", { key, waited, reason: error });
  } else if (error instanceof LockTimeoutError) {
    const { holder } = error;
    if (queue) events.emit("timedOut", { key, waited, holder });
    else events.emit("refused", { key, holder });
  } else if (error instanceof LockBackendError) events.emit("failed", { key, waited, error });
}
