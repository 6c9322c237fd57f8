import { type Clock, systemClock } from "../../src/contract/clock.ts";

/** The machine's clock, whose wall clock a test can set; a machine that was suspended looks as if it were set forward. */
export class SteppedClock implements Clock {
  #step = 0;

  now() {
    const { mono, wall } = systemClock.now();
    return { mono, wall: wall + this.#step };
  }

  setTimer(...timer: Parameters<Clock["setTimer"]>) {
    return systemClock.setTimer(...timer);
  }

  afterReads(callback: () => void) {
    systemClock.afterReads(callback);
  }

  step(ms: number): void {
    this.#step += ms;
  }
}
