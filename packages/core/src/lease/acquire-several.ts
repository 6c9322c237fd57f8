import type { ExtendOutcome, Granted, LockBackend } from "../contract/backend.ts";
import { LockUsageError, UnconfirmedGrantError } from "../contract/errors.ts";
import { newOwnerToken } from "../contract/host.ts";
import { type Keys, showKeys } from "../contract/key.ts";
import { retry } from "../contract/retry.ts";
import { pauseToRetry } from "../contract/validity.ts";
import type { AcquireContext } from "./acquire-context.ts";
import { type Deadline, TIME_OVER } from "./deadline.ts";
import { unanswered } from "./failures.ts";
import type { HeldLease } from "./held-lease.ts";
import { RENEWED } from "./options.ts";
import type { Acquire, Positions } from "./positions.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** How several keys are acquired: all at once, or each as a part of the whole. */
export interface SeveralPositions {
  readonly together: Positions;
  readonly part: Positions;
}

/** One acquire of several keys. */
export interface SeveralKeys extends Acquire {
  /** Whether they may be taken in one step only. */
  readonly atomic: boolean;
}

/**
 * Acquires several keys in one step where the backend can, else in order.
 * @throws what `Positions.acquire` throws, and LockUsageError where `atomic` forbids the order
 */
export async function acquireSeveral(
  { together, part }: SeveralPositions,
  { request, deadline, terms, atomic }: SeveralKeys,
): Promise<HeldLease> {
  const { backend } = together.context;
  if (takesTogether(backend)) {
    try {
      return await together.acquire({ request, deadline, terms });
    } catch (error) {
      // The backend may have learnt just now that its server cannot.
      if (takesTogether(backend)) throw error;
      if (atomic) assertTogether(backend, request.keys);
    }
  }
  // The attempt to take them together may still be undone: that must not take what is granted in order.
  const inOrder = await acquireInOrder(part, { ...request, token: newOwnerToken() }, deadline);
  return together.context.lease(inOrder.request, inOrder.granted, deadline, terms);
}

function takesTogether({ capabilities }: LockBackend): boolean {
  return capabilities.severalKeys === "always";
}

/** @throws LockUsageError where no single step can take all keys */
export function assertTogether(backend: LockBackend, keys: Keys): void {
  if (keys.length === 1 || takesTogether(backend)) return;
  throw new LockUsageError(
    `${JSON.stringify(showKeys(keys))} lie in different hash slots of a server in cluster mode and cannot be taken in ` +
      "one step: leave atomic out to take them in order, all or none",
  );
}

/** What was granted, and the request that it was granted to: another one where owner tokens had to be given up. */
interface InOrder {
  readonly request: TrackedRequest;
  readonly granted: Granted;
}

/**
 * Takes keys one after the other where no single attempt can take them together. All processes take them in the same
 * order, so no circle of waiters arises (Havender, "Avoiding Deadlock in Multitasking Systems", 1968). Keys that are
 * held already are renewed meanwhile, and released if the acquire fails.
 * @throws what `Positions.acquire` throws
 */
async function acquireInOrder(part: Positions, first: TrackedRequest, deadline: Deadline): Promise<InOrder> {
  let request = first;
  for (let faults = 0; ; faults++) {
    try {
      return { request, granted: await takeInOrder(part, request, deadline) };
    } catch (error) {
      if (!(error instanceof UnconfirmedGrantError)) throw error;
      const pause = pauseToRetry(part.context.backend.clock, faults, true);
      if ((await deadline.until(pause)) === TIME_OVER) throw error;
    }
    request = { ...first, token: newOwnerToken() };
  }
}

async function takeInOrder(part: Positions, request: TrackedRequest, deadline: Deadline): Promise<Granted> {
  const { context } = part;
  const parts: HeldLease[] = [];
  try {
    for (const key of request.keys) {
      parts.push(await part.acquire({ request: { ...request, keys: [key] }, deadline, terms: RENEWED }));
    }
    // One fencing token for all: no later grant of any of the keys may have a smaller one.
    const fencingToken = Math.max(...parts.map((each) => each.fencingToken));
    const outcome = await extendAll(context, request, fencingToken, deadline);
    if (outcome.status === "lost") throw lostMeanwhile(request);
    for (const each of parts) each.letGo();
    return { ...outcome, status: "granted", fencingToken };
  } catch (error) {
    for (const each of parts) context.undo(request, each.release());
    throw error;
  }
}

/** Makes one lease of all parts; again while that may help and the caller waits. */
async function extendAll(
  { backend }: AcquireContext,
  request: TrackedRequest,
  fencingToken: number,
  deadline: Deadline,
): Promise<ExtendOutcome> {
  const isOver = () => deadline.left <= 0 || deadline.interrupted !== undefined;
  const key = showKeys(request.keys);
  let lastFault: unknown;
  const extend = () =>
    backend.extend(request, request.ttl, { fence: fencingToken }).catch((fault: unknown) => {
      lastFault = fault;
      throw fault;
    });
  const extending = retry(backend.clock, { key, keepAlive: true, isOver }, extend);
  // A single attempt has the backend's own limit.
  const outcome = request.queue ? await deadline.until(extending) : await extending;
  if (outcome === TIME_OVER) throw lastFault ?? unanswered(backend, request, deadline);
  return outcome;
}

function lostMeanwhile({ keys }: TrackedRequest): UnconfirmedGrantError {
  const key = showKeys(keys);
  return new UnconfirmedGrantError(
    `one of ${JSON.stringify(key)} was lost during the wait for the others`,
    key,
  );
}
