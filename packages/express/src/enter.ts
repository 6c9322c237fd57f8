import { type AcquireOptions, isLockError, type Lease, type LockTimeoutError } from "@lock/core";
import type { Checks } from "./checks.ts";
import { whenClosed } from "./connection.ts";
import { fault } from "./faults.ts";
import { Hold } from "./hold.ts";
import type { HoldOptions } from "./hold-options.ts";
import { type Admission, abandonHolds, addHold, findHold, holdsOf } from "./holds.ts";
import type { LockRouteOptions, RouteMode } from "./options.ts";
import { markRefusal } from "./refusal.ts";
import { isPlainEnd } from "./response.ts";
import { setLease } from "./route-lease.ts";
import { clientLeft, type Visit } from "./visit.ts";

const DEFAULT_MAX_HOLD = 300_000;

/** How requests are locked. */
export type EnterOptions<P> = HoldOptions & {
  readonly [Name in "mode" | "wait" | "ttl" | "maxHold" | "onBackendError"]?:
    | LockRouteOptions<P>[Name]
    | undefined;
};

/**
 * Locks a request for as long as its work lasts. `onBusy` answers one whose key stayed busy.
 * @throws LockUsageError, LockLostError, LockBackendError with status 503
 */
export async function enter<P>(
  options: EnterOptions<P>,
  visit: Visit<P>,
  keys: readonly string[],
  onBusy: (error: LockTimeoutError) => void | Promise<void>,
  checks?: Checks<P>,
): Promise<Admission> {
  const { req, res, abort } = visit;
  if (res.destroyed || req.socket.destroyed) return void abandonHolds(res);
  checks?.request(req, keys);
  const outer = findHold(res, options.locks, keys);
  let hold: Hold | undefined;
  const forget = whenClosed(req, res, () => {
    if (hold === undefined) abort.abort(clientLeft());
    else hold.close();
  });
  try {
    const onLost = (error: Error) => hold?.lose(error);
    const lease = await acquire(options, visit, keys, onLost, outer?.lease);
    if (abort.aborted) {
      void lease[Symbol.asyncDispose]();
      return void abandonHolds(res);
    }
    if (outer !== undefined) {
      checks?.tell("mountedTwice");
      return { hold: outer };
    }
    // An inner lease that is lost is no reason to answer for a handler whose answer is kept.
    const inherited = holdsOf(res).find(({ options: { outlivesLease } }) => outlivesLease)?.options
      .outlivesLease;
    const own = options.outlivesLease ?? inherited;
    const given = own === options.outlivesLease ? options : { ...options, outlivesLease: own };
    if (options.releaseAt === "before-end" && !isPlainEnd(res)) checks?.tell("endIsWrapped");
    hold = new Hold(lease, given, visit);
    addHold(res, hold);
    setLease(res, hold.lease);
    return { hold };
  } catch (error) {
    if (abort.aborted) return void abandonHolds(res);
    if (isOneOf(error, ["LOCK_TIMEOUT"])) return void (await onBusy(error as LockTimeoutError));
    return withoutLease(error, options, visit);
  } finally {
    if (hold === undefined) forget();
  }
}

/** By its code: two copies of the core, such as ESM and CommonJS, have two classes. */
function isOneOf(error: unknown, codes: readonly string[]): error is Error {
  return isLockError(error) && codes.includes(error.code);
}

function withoutLease<P>(
  error: unknown,
  { onBackendError = "fail" }: EnterOptions<P>,
  { req, res }: Visit<P>,
): Admission {
  const isOutage = isOneOf(error, ["LOCK_BACKEND", "LOCK_QUORUM"]);
  // Where too many wait, nobody may pass.
  if (!isOutage && !isOneOf(error, ["LOCK_OVERLOADED"])) throw error;
  const choice =
    isOutage && typeof onBackendError === "function" ? onBackendError(error, req) : onBackendError;
  if (isOutage && choice === "open") return {};
  markRefusal(res);
  throw fault(error, 503);
}

function acquire<P>(
  { locks, mode = "exclusive", wait = 0, ttl, maxHold = DEFAULT_MAX_HOLD }: EnterOptions<P>,
  { req, abort }: Visit<P>,
  keys: readonly string[],
  onLost: AcquireOptions["onLost"],
  within: Lease | undefined,
): Promise<Lease> {
  const options = {
    wait,
    ttl,
    maxHold: maxHold === "forever" ? undefined : maxHold,
    // A single attempt is soon over; what it was granted is then given back.
    signal: wait === 0 ? undefined : abort.signal,
    onLost,
    within,
  };
  const shared = isShared(typeof mode === "function" ? mode(req) : mode, req.method);
  return shared ? locks.readWrite(keys).read.acquire(options) : locks.acquire(keys, options);
}

function isShared(mode: RouteMode, method: string): boolean {
  return mode === "shared" || (mode === "auto" && ["GET", "HEAD"].includes(method));
}
