import { type AcquireContext, acquireLock } from "./acquire.ts";
import type { AcquireRequest, Granted } from "./backend.ts";
import { UnconfirmedGrantError } from "./errors.ts";
import { type HeldLease, RENEWED } from "./held-lease.ts";
import { showKeys } from "./key.ts";
import { newOwnerToken } from "./owner-token.ts";
import { type Patience, TIME_OVER } from "./patience.ts";
import { pauseToRetry } from "./timing.ts";

/** What was granted, and the request that it was granted to: another one where owner tokens had to be given up. */
export interface InOrder {
  readonly request: AcquireRequest;
  readonly granted: Granted;
}

/**
 * Takes keys one after the other where no single attempt can take them together. Everybody takes them in the same
 * order, so nobody waits in a circle (Havender, "Avoiding Deadlock in Multitasking Systems", 1968). What is held
 * already is renewed while the rest is waited for, and given back should it end in vain.
 * @throws what `acquireLock` throws
 */
export async function acquireInOrder(
  context: AcquireContext,
  first: AcquireRequest,
  patience: Patience,
): Promise<InOrder> {
  let request = first;
  for (let faults = 0; ; faults++) {
    try {
      return { request, granted: await takeInOrder(context, request, patience) };
    } catch (error) {
      if (!(error instanceof UnconfirmedGrantError)) throw error;
      const pause = pauseToRetry(context.backend.clock, faults, true);
      if ((await patience.until(pause)) === TIME_OVER) throw error;
    }
    request = { ...first, token: newOwnerToken() };
  }
}

async function takeInOrder(
  context: AcquireContext,
  request: AcquireRequest,
  patience: Patience,
): Promise<Granted> {
  const parts: HeldLease[] = [];
  try {
    for (const key of request.keys) {
      parts.push(await acquireLock(context, { ...request, keys: [key] }, patience, RENEWED));
    }
    // One fencing token for all: no later grant of any of the keys may have a smaller one.
    const fencingToken = Math.max(...parts.map((part) => part.fencingToken));
    const outcome = await context.backend.extend(request, request.ttl, fencingToken);
    if (outcome.status === "lost") throw lostMeanwhile(request);
    for (const part of parts) part.letGo();
    return { ...outcome, status: "granted", fencingToken };
  } catch (error) {
    for (const part of parts) context.undo(request, part.release());
    throw error;
  }
}

function lostMeanwhile({ keys }: AcquireRequest): UnconfirmedGrantError {
  const key = showKeys(keys);
  return new UnconfirmedGrantError(
    `one of ${JSON.stringify(key)} was lost while the others were waited for`,
    key,
  );
}
