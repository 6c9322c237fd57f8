import { type Clock, type Instant, systemClock, type Timer } from "../contract/clock.ts";

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #mono = 1_000;
  #wallOffset = 1_700_000_000_000;
  #order = 0;
  readonly #alarms = new Set<Alarm>();

  now(): Instant {
    return { mono: this.#mono, wall: this.#mono + this.#wallOffset };
  }

  setTimer(callback: () => void, ms: number): Timer {
    // Whole milliseconds, as real timers have: a rest of 1e-13 ms must not fire for ever without time going on.
    const alarm: Alarm = { at: this.#mono + Math.ceil(Math.max(0, ms)), order: this.#order++, callback };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  afterReads(callback: () => void): void {
    systemClock.afterReads(callback);
  }

  /** How many timers are set: none may be left after all is released. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Moves both clocks on, and lets timers and promises run in their order. */
  async advance(ms: number): Promise<void> {
    const end = this.#mono + ms;
    await settled();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#mono = Math.max(this.#mono, next.at);
      this.#alarms.delete(next);
      next.callback();
      await settled();
    }
    this.#mono = end;
  }

  /** Both clocks go on, but nothing runs: a blocked event loop. Timers are late by the next `advance`. */
  block(ms: number): void {
    this.#mono += ms;
  }

  /** Only the wall clock goes on: a suspended machine (or, negative, a clock that is set back). */
  stepWall(ms: number): void {
    this.#wallOffset += ms;
  }

  #next(end: number): Alarm | undefined {
    const due = [...this.#alarms].filter((alarm) => alarm.at <= end);
    return due.sort((a, b) => a.at - b.at || a.order - b.order)[0];
  }
}

/** All promise reactions that are due have run. */
async function settled(): Promise<void> {
  await new Promise((resume) => setImmediate(resume));
}
