import type { Clock, Instant, Timer } from "@lock/core/testing";
import TinyQueue from "tinyqueue";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** How the clocks of a machine run. */
export interface ClockRate {
  /** 1 is right. */
  readonly rate: number;
  /** By how many milliseconds the wall clock is wrong. */
  readonly offset: number;
}

interface Alarm {
  readonly at: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/** The wall clock of the world when its time is 0. */
export const EPOCH = 1_764_400_000_000;

/**
 * One process of Node: its clocks, and its event loop. A turn of the loop calls timers that are due, then what sockets
 * have to read, then immediates; whoever runs the world lets all promises settle after each callback. While it is paused,
 * nothing of it runs.
 */
export class SimulatedProcess implements Clock {
  isDead = false;
  #offset: number;
  /** For how long its machine was suspended: its monotonic clock stood still. */
  #suspended = 0;
  #pausedUntil = 0;
  #order = 0;
  readonly #alarms = new TinyQueue<Alarm>([], (a, b) => a.at - b.at || a.order - b.order);
  readonly #reads: (() => void)[] = [];
  #immediates: (() => void)[] = [];
  /** When it was paused, in true time. */
  readonly pauses: { readonly from: number; readonly to: number }[] = [];

  constructor(
    readonly name: string,
    readonly random: Random,
    private readonly timeline: Timeline,
    /** Has a turn of the loop run. */
    private readonly wake: (process: SimulatedProcess) => void,
    private readonly rate: ClockRate,
  ) {
    this.#offset = rate.offset;
  }

  now(): Instant {
    const passed = this.timeline.now * this.rate.rate;
    return { mono: passed - this.#suspended, wall: EPOCH + this.#offset + passed };
  }

  setTimer(callback: () => void, ms: number): Timer {
    // As Node's timers: at least one whole millisecond.
    const delay = Math.max(1, Math.ceil(ms));
    const alarm: Alarm = { at: this.now().mono + delay, order: this.#order++, callback };
    this.#alarms.push(alarm);
    this.#poke(this.timeline.now + delay / this.rate.rate + 1e-6);
    return {
      cancel: () => {
        alarm.callback = undefined;
      },
    };
  }

  afterReads(callback: () => void): void {
    this.#immediates.push(callback);
    this.#poke(this.timeline.now);
  }

  /** A socket has something to read. */
  read(callback: () => void): void {
    if (this.isDead) return;
    this.#reads.push(callback);
    this.#poke(this.timeline.now);
  }

  /** Its event loop is blocked, or it is stopped, for so long. */
  pause(ms: number): void {
    const { now } = this.timeline;
    this.#pausedUntil = Math.max(this.#pausedUntil, now + ms);
    this.pauses.push({ from: now, to: this.#pausedUntil });
    this.#poke(this.#pausedUntil);
  }

  /** Its machine is suspended for so long: nothing runs, and only the wall clock has gone on when it wakes up. */
  suspend(ms: number): void {
    this.pause(ms);
    this.timeline.after(ms - 1e-3, () => {
      this.#suspended += ms * this.rate.rate;
      const { mono } = this.now();
      for (const { at } of this.#alarms.data)
        this.#poke(this.timeline.now + (at - mono) / this.rate.rate + 1e-3);
    });
  }

  /** Sets its wall clock. */
  stepWall(ms: number): void {
    this.#offset += ms;
  }

  /** It is killed: nothing of it runs any more. */
  kill(): void {
    this.isDead = true;
  }

  get isPaused(): boolean {
    return this.#pausedUntil > this.timeline.now;
  }

  /** The true time that is so many milliseconds of its monotonic clock away. */
  trueTimeIn(ms: number): number {
    return this.timeline.now + ms / this.rate.rate;
  }

  /** How many timers are set. */
  get pendingTimers(): number {
    let count = 0;
    for (const { callback } of this.#alarms.data) if (callback !== undefined) count += 1;
    return count;
  }

  /** The callbacks of one turn of the loop. */
  *turn(): Generator<() => void> {
    if (this.isDead || this.isPaused) return;
    const { mono } = this.now();
    for (
      let alarm = this.#alarms.peek();
      alarm !== undefined && alarm.at <= mono;
      alarm = this.#alarms.peek()
    ) {
      this.#alarms.pop();
      if (alarm.callback !== undefined) yield alarm.callback;
    }
    yield* this.#reads.splice(0);
    const immediates = this.#immediates;
    this.#immediates = [];
    yield* immediates;
    if (this.#immediates.length > 0) this.#poke(this.timeline.now);
  }

  #poke(at: number): void {
    this.timeline.at(Math.max(at, this.#pausedUntil), () => this.wake(this));
  }
}
