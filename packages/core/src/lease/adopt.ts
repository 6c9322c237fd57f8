import type { AcquireRequest, Granted, LockBackend } from "../contract/backend.ts";
import { asBackendError, LockLostError, LockUsageError } from "../contract/errors.ts";
import { newOwnerToken } from "../contract/host.ts";
import { checkKeys, showKeys } from "../contract/key.ts";
import type { Stop } from "../contract/stop.ts";
import { Doubt } from "../contract/unexplained.ts";
import { checkDuration } from "../contract/validate.ts";
import { atMost, pauseToRetry, validityLeft } from "../contract/validity.ts";
import { type Deadline, TIME_OVER } from "./deadline.ts";
import { type LeaseTicket, readTicket } from "./ticket.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** Who adopts: what the new owner of the lease is known by. */
export interface Adopter {
  readonly prefix: string;
  readonly holder: string;
  readonly maxTtl: number;
}

/** A checked ticket, and the request that takes its lease over under a new owner token. */
export interface Adoption {
  readonly ticket: LeaseTicket;
  readonly request: TrackedRequest;
}

/** @throws LockUsageError; nothing was sent */
export function planAdoption(
  given: unknown,
  { prefix, holder, maxTtl }: Adopter,
  stop: Stop,
  id: number,
): Adoption {
  const ticket = readTicket(given);
  if (ticket.prefix !== prefix) {
    throw new LockUsageError(
      `the ticket has the prefix ${JSON.stringify(ticket.prefix)}, but these locks have ${JSON.stringify(prefix)}`,
    );
  }
  checkDuration("the ticket's ttl", ticket.ttl, 1, maxTtl);
  const { mode, meta, maxHold } = ticket;
  const ttl = Math.min(ticket.ttl, maxHold ?? Number.POSITIVE_INFINITY);
  const keys = checkKeys(ticket.keys);
  const request = {
    id,
    context: ticket.context ?? undefined,
    prefix,
    keys,
    mode,
    token: newOwnerToken(),
    ttl,
    holder,
    meta: meta ?? undefined,
    queue: false,
    stop,
  };
  return { ticket, request };
}

/**
 * Takes the lease over, trying again while the backend fails and the caller waits. Each ticket works once: the owner
 * token changes with it.
 * @throws LockLostError, LockBackendError
 */
export async function adoptLease(
  backend: LockBackend,
  { ticket, request }: Adoption,
  deadline: Deadline,
  giveBack: () => void,
): Promise<Granted> {
  let unanswered = false;
  const doubt = new Doubt(backend.clock, backend.requestTimeout);
  for (let faults = 0; ; faults++) {
    try {
      return await takeOver(backend, ticket, request);
    } catch (fault) {
      if (fault instanceof LockLostError) throw fault;
      const error = asBackendError(fault, showKeys(request.keys));
      unanswered ||= error.ambiguous;
      const left = doubt.leftAfter(error);
      const pause = pauseToRetry(backend.clock, faults, true, { most: left });
      if (error.retryable && left > 0 && (await deadline.until(pause)) !== TIME_OVER) continue;
      // It may be ours without our knowing.
      if (unanswered) giveBack();
      throw error;
    }
  }
}

async function takeOver(
  backend: LockBackend,
  ticket: LeaseTicket,
  request: AcquireRequest,
): Promise<Granted> {
  const { token, fencingToken, proof, mode } = ticket;
  const asked = backend.clock.now();
  const outcome = await backend.extend(request, request.ttl, { from: { token, fencingToken, proof } });
  if (outcome.status === "lost") throw gone(request, outcome.reason);
  const slot = mode.kind === "permits" && typeof mode.slot === "number" ? mode.slot : undefined;
  const granted: Granted = {
    ...atMost(outcome, request.ttl, asked),
    status: "granted",
    fencingToken,
    slot,
  };
  if (validityLeft(granted, backend.clock.now()) > 0) return granted;
  await backend.release(request);
  throw gone(request, "expired");
}

function gone({ keys }: AcquireRequest, reason: "expired" | "stolen"): LockLostError {
  const because =
    reason === "expired"
      ? "it ended before the ticket was adopted"
      : "the ticket was adopted already, or somebody else holds the key";
  return new LockLostError(showKeys(keys), reason, { because });
}
