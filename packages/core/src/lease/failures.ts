import type { AcquireRequest, LockBackend } from "../contract/backend.ts";
import { LockBackendError, LockOverloadedError, LockTimeoutError } from "../contract/errors.ts";
import { showKeys } from "../contract/key.ts";
import type { Deadline } from "./deadline.ts";
import type { Events } from "./events.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** Tells that an acquire has ended without a lease. What its caller did wrong is the caller's to hear, and not told. */
export function tellFailure(
  events: Events,
  request: TrackedRequest,
  { waited, interrupted }: Deadline,
  error: unknown,
): void {
  if (interrupted !== undefined && interrupted.reason === error) {
    events.emit("aborted", request, { waited, reason: error });
  } else if (error instanceof LockTimeoutError) {
    const { holder } = error;
    if (request.queue) events.emit("timedOut", request, { waited, holder });
    else events.emit("refused", request, { holder });
  } else if (error instanceof LockOverloadedError) events.emit("refused", request, { holder: undefined });
  else if (error instanceof LockBackendError) events.emit("failed", request, { waited, error });
}

/** The caller's time is over, and nothing but silence is known. */
export function unanswered(
  { name }: LockBackend,
  { keys }: AcquireRequest,
  { waited }: Deadline,
): LockBackendError {
  const text = `${name} did not answer within ${Math.round(waited)} ms`;
  return new LockBackendError(text, { key: showKeys(keys), retryable: true, ambiguous: true });
}
