/**
 * A moment read from two clocks at once. The monotonic one never steps back, but may stop while a machine or
 * a virtual machine is suspended; the wall clock goes on then, but may be stepped. Taking the larger of both
 * differences is safe against either.
 */
export interface Instant {
  /** Milliseconds of a clock that never steps back. */
  readonly mono: number;
  /** Milliseconds since the Unix epoch. */
  readonly wall: number;
}

/** A timer that was set; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/** Where time comes from: injected per backend, so that tests can hold it still. */
export interface Clock {
  now(): Instant;
  /**
   * Calls back after at least `ms` milliseconds (any length, also above the 2^31-1 of `setTimeout`).
   * With `keepAlive` the process stays alive for it; without, the timer alone never keeps a process running.
   */
  setTimer(callback: () => void, ms: number, keepAlive?: boolean): Timer;
  /**
   * Calls back when all sockets that had something to read were served: what their answers ask for joins a batch, and what
   * they bring counts before a time that is over.
   */
  afterReads(callback: () => void): void;
}

/** Milliseconds from `since` to `now`: the larger of what both clocks say, so a suspended machine counts. */
export function elapsed(since: Instant, now: Instant): number {
  return Math.max(now.mono - since.mono, now.wall - since.wall);
}

/**
 * Milliseconds that have surely passed: the smaller of what both clocks say, so a clock that is set does not count; none
 * where it was set back.
 */
export function surelyElapsed(since: Instant, now: Instant): number {
  return Math.max(0, Math.min(now.mono - since.mono, now.wall - since.wall));
}

/** Milliseconds that this process may have run: for deadlines, and for what is reported. Never negative, never stepped. */
export function ranFor(since: Instant, now: Instant): number {
  return now.mono - since.mono;
}

/** The instant `ms` milliseconds after (or, negative, before) another one. */
export function shift(instant: Instant, ms: number): Instant {
  return { mono: instant.mono + ms, wall: instant.wall + ms };
}

/** `setTimeout` fires at once for anything longer. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | undefined;

  constructor(callback: () => void, ms: number, keepAlive: boolean) {
    this.#arm(callback, ms, keepAlive);
  }

  #arm(callback: () => void, ms: number, keepAlive: boolean): void {
    this.#handle =
      ms > LONGEST_TIMEOUT
        ? setTimeout(() => this.#arm(callback, ms - LONGEST_TIMEOUT, keepAlive), LONGEST_TIMEOUT)
        : setTimeout(callback, Math.ceil(ms));
    if (!keepAlive) this.#handle.unref();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** Taken when this is loaded: the fake timers of a test runner, which come later, would keep every request for ever. */
const realImmediate = setImmediate;

/** The machine's own clocks and timers. */
export const systemClock: Clock = {
  now: () => ({ mono: performance.now(), wall: Date.now() }),
  setTimer: (callback, ms, keepAlive = false) => new SystemTimer(callback, ms, keepAlive),
  afterReads: (callback) => void realImmediate(callback),
};
