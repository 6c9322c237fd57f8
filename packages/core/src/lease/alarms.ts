import type { Clock, Timer } from "../contract/clock.ts";

/** Something that is due at some time. */
export interface Alarm {
  /** The slot that it stands in; kept by `Alarms`. */
  slot: number;
  /** Its time has come, or will soon: it looks at the clock, and sets itself again where it is early. */
  ring(): void;
}

/** The slot of an alarm that is not set. */
export const NOT_SET = -1;

/** A time is known to one part in 32 to 64 of how far away it is. */
const FINENESS = 5;

interface Slot<A> {
  readonly alarms: Set<A>;
  readonly timer: Timer;
}

/**
 * Many alarms with few timers: those that are due at about the same time share one. An alarm that is far away rings early,
 * and is set again for the rest, which is finer: so it comes to its time in steps, as in a hierarchical timing wheel
 * (Varghese and Lauck, SOSP 1987). None rings late. A timer stays for as long as any alarm is set, for the next one that is
 * due then: most leases are released soon, and would make and cancel a timer each.
 */
export class Alarms<A extends Alarm> {
  readonly #slots = new Map<number, Slot<A>>();
  #count = 0;

  constructor(
    private readonly clock: Clock,
    /** Whether an alarm keeps the process alive. Default: no. */
    private readonly keepAlive = false,
  ) {}

  /** Sets an alarm to ring in `after` milliseconds, or sooner. `now`: by the monotonic clock. */
  set(alarm: A, after: number, now: number): void {
    this.#take(alarm);
    this.#count += 1;
    const width = 2 ** Math.max(0, 31 - Math.clz32(after) - FINENESS);
    // The last slot that begins before the alarm is due; of milliseconds, the one in which it is.
    const slot = width === 1 ? Math.ceil(now + after) : Math.floor((now + after) / width) * width;
    alarm.slot = slot;
    const known = this.#slots.get(slot);
    if (known !== undefined) {
      known.alarms.add(alarm);
      return;
    }
    const timer = this.clock.setTimer(() => this.#ring(slot), Math.max(0, slot - now), this.keepAlive);
    this.#slots.set(slot, { alarms: new Set([alarm]), timer });
  }

  cancel(alarm: A): void {
    this.#take(alarm);
    if (this.#count === 0) this.#clear();
  }

  /** All that are set. */
  *[Symbol.iterator](): Iterator<A> {
    for (const { alarms } of this.#slots.values()) yield* alarms;
  }

  #take(alarm: A): void {
    if (alarm.slot === NOT_SET) return;
    this.#slots.get(alarm.slot)?.alarms.delete(alarm);
    alarm.slot = NOT_SET;
    this.#count -= 1;
  }

  #clear(): void {
    for (const { timer } of this.#slots.values()) timer.cancel();
    this.#slots.clear();
  }

  #ring(slot: number): void {
    const due = this.#slots.get(slot);
    this.#slots.delete(slot);
    for (const alarm of due?.alarms ?? []) {
      // One that rang before it may have cancelled it, or set it anew.
      if (alarm.slot !== slot) continue;
      this.#take(alarm);
      alarm.ring();
    }
  }
}
