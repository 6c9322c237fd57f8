import { type Clock, elapsed, type Instant } from "./clock.ts";
import { random } from "./host.ts";
import type { Stop } from "./stop.ts";

/**
 * What may be lost of a ttl because the server's clock and ours do not run at quite the same rate: 1 % of it,
 * and 2 ms for the granularity of both clocks. The allowance is Redlock's
 * (redis.io, "Distributed Locks with Redis"); real quartz differs by less than 0.1 %.
 */
export const DRIFT = 0.01;
const GRANULARITY = 2;

/** What a holder may believe: `ttl` milliseconds from `since`, less drift. The only validity arithmetic. */
export interface Validity {
  /** The earliest local instant at which the server can have started to count the ttl. */
  readonly since: Instant;
  readonly ttl: number;
  /** Which part of the ttl is lost to clocks that run apart. Default 0.01. */
  readonly drift?: number | undefined;
}

/** Milliseconds that are left of a validity at `now`; zero or less when it has ended. */
export function validityLeft(validity: Validity, now: Instant): number {
  const { since, ttl, drift = DRIFT } = validity;
  return ttl - ttl * drift - GRANULARITY - elapsed(since, now);
}

/**
 * A validity of no more than was asked for: a server may keep a lease for longer, for an earlier ttl, or since its clock
 * was set back.
 */
export function atMost<V extends Validity>(validity: V, ttl: number, asked: Instant): V {
  const gone = Math.max(0, elapsed(validity.since, asked));
  if (validity.ttl - gone <= ttl) return validity;
  return { ...validity, since: gone > 0 ? asked : validity.since, ttl };
}

/** The validity that ends later; extending never shortens what was already confirmed. */
export function longer(a: Validity, b: Validity, now: Instant): Validity {
  return validityLeft(b, now) > validityLeft(a, now) ? b : a;
}

/** What `count` of these validities promise together: all of them stand for as long as the shortest of the longest. */
export function together(validities: readonly Validity[], count: number, now: Instant): Validity | undefined {
  return validities.toSorted((a, b) => validityLeft(b, now) - validityLeft(a, now))[count - 1];
}

/**
 * Which part of the delay of a renewal is random: leases of one moment are not renewed in one moment. With what the alarms
 * of leases may ring early, 1 part in 32, it is a tenth.
 */
const JITTER = 0.069;

/** Renew when a third of the ttl is gone, or a little earlier: where answers come in time, two more tries fit before it ends. */
export function renewalDelay(ttl: number): number {
  return (ttl / 3) * (1 - JITTER * random());
}

const FIRST_PAUSE = 25;
const FIRST_CONTENTION_PAUSE = 4;
const LONGEST_PAUSE = 1_000;

/** How a pause may be shorter than it would be. */
interface PauseLimits {
  /** Milliseconds. */
  readonly most?: number;
  readonly stop?: Stop | undefined;
}

/** Pauses before trying again after fault number `attempt`; `keepAlive` as for a timer. */
export function pauseToRetry(
  clock: Clock,
  attempt: number,
  keepAlive: boolean,
  { most = Number.POSITIVE_INFINITY, stop }: PauseLimits = {},
): Promise<void> {
  return new Promise((resolve) => {
    const resume = () => {
      timer.cancel();
      unlisten?.();
      resolve();
    };
    const timer = clock.setTimer(resume, Math.min(retryPause(attempt), most), keepAlive);
    const unlisten = stop?.onStop(resume);
  });
}

/**
 * How long to pause before trying again after fault number `attempt` (from 0): exponential with full jitter
 * (AWS Architecture Blog, "Exponential Backoff and Jitter"), between 1 ms and 1 s.
 */
export function retryPause(attempt: number): number {
  return fullJitter(FIRST_PAUSE, attempt);
}

/** How long to pause before asking again for a key that was busy for the `attempt`th time (from 0) with no queue to wait in. */
export function contentionPause(attempt: number): number {
  return fullJitter(FIRST_CONTENTION_PAUSE, attempt);
}

function fullJitter(first: number, attempt: number): number {
  return 1 + random() * Math.min(LONGEST_PAUSE, first * 2 ** attempt);
}
