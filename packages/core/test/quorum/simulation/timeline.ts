import type { Clock, Instant, Timer } from "../../../src/clock.ts";

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Simulated time: what happens, happens in the order of its time. */
export class Timeline {
  /** Milliseconds of true time. */
  now = 0;
  #order = 0;
  readonly #events: Event[] = [];

  /** Runs something after so many milliseconds of true time; the returned function calls it off. */
  after(ms: number, run: () => void): () => void {
    const event = { at: this.now + Math.max(0, ms), order: this.#order++, run };
    let place = this.#events.length;
    while (place > 0 && isLater(this.#events[place - 1], event)) place -= 1;
    this.#events.splice(place, 0, event);
    return () => {
      const index = this.#events.indexOf(event);
      if (index >= 0) this.#events.splice(index, 1);
    };
  }

  /** Lets everything happen until `end`, or until nothing is left; `each` is called after every event. */
  async run(end: number, each: () => void): Promise<void> {
    for (;;) {
      const [event] = this.#events;
      if (event === undefined || event.at > end) return;
      this.#events.shift();
      this.now = event.at;
      event.run();
      // All promise reactions that are due.
      await new Promise((resume) => setImmediate(resume));
      each();
    }
  }
}

/** Events of one moment stay in the order in which they were planned. */
function isLater(event: Event | undefined, other: Event): boolean {
  return event !== undefined && event.at > other.at;
}

/** The clock of one machine: it runs a little too fast or too slow, and may be paused with its machine. */
export class MachineClock implements Clock {
  #pausedUntil = 0;

  constructor(
    private readonly timeline: Timeline,
    /** How fast it runs: 1 is right. */
    private readonly rate: number,
    private readonly offset: number,
  ) {}

  now(): Instant {
    const mono = this.timeline.now * this.rate;
    return { mono, wall: 1_700_000_000_000 + this.offset + mono };
  }

  setTimer(callback: () => void, ms: number): Timer {
    // As real timers: at least so many whole milliseconds. A rest of 1e-13 ms would be waited for again without end.
    let cancel = this.timeline.after((Math.ceil(ms) + 0.001) / this.rate, () => {
      cancel = this.whenAwake(callback);
    });
    return { cancel: () => cancel() };
  }

  /** Nothing runs on the machine for so long; its clock goes on. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.timeline.now + ms);
  }

  /** Runs something at once, or when the machine wakes up. */
  whenAwake(run: () => void): () => void {
    const wait = this.#pausedUntil - this.timeline.now;
    if (wait > 0) return this.timeline.after(wait, run);
    run();
    return () => undefined;
  }
}
