import { describe, expect, it } from "vitest";
import { type Alarm, Alarms, NOT_SET } from "../src/lease/alarms.ts";
import { FakeClock } from "../src/testing.ts";

/** An alarm that is set again until its time has come, as leases do. */
class Step implements Alarm {
  slot = NOT_SET;
  rings = 0;
  rang: number | undefined;

  constructor(
    private readonly alarms: Alarms<Step>,
    private readonly clock: FakeClock,
    readonly due: number,
  ) {}

  ring(): void {
    this.rings += 1;
    this.set();
  }

  set(): void {
    const { mono } = this.clock.now();
    if (mono >= this.due) this.rang = mono;
    else this.alarms.set(this, this.due - mono, mono);
  }
}

function scene() {
  const clock = new FakeClock();
  const alarms = new Alarms<Step>(clock);
  const set = (after: number) => {
    const step = new Step(alarms, clock, clock.now().mono + after);
    step.set();
    return step;
  };
  return { clock, alarms, set };
}

describe("an alarm", () => {
  it.each([0, 0.4, 1, 31, 32, 33, 999.5, 10_000, 86_400_000, 2 ** 33])(
    "that is due in %d ms comes to its time in few steps, and not late",
    async (after) => {
      const { clock, alarms, set } = scene();
      const step = set(after);
      if (after > 0) await clock.advance(after + 1);
      expect(step.rang).toBeGreaterThanOrEqual(step.due);
      expect(step.rang).toBeLessThan(step.due + 1);
      expect(step.rings).toBeLessThan(12);
      expect([...alarms]).toEqual([]);
      expect(clock.pending).toBe(0);
    },
  );

  it("shares its timer with those that are due at about the same time", () => {
    const { alarms, clock, set } = scene();
    for (let i = 0; i < 1_000; i++) set(10_000 + i);
    expect([...alarms]).toHaveLength(1_000);
    expect(clock.pending).toBeLessThanOrEqual(9);
  });

  it("leaves no timer when the last one is cancelled", () => {
    const { alarms, clock, set } = scene();
    const all = [5, 500, 50_000].map(set);
    for (const step of all) alarms.cancel(step);
    alarms.cancel(all[0] as Step);
    expect(clock.pending).toBe(0);
    expect(set(7).slot).not.toBe(NOT_SET);
    expect(clock.pending).toBe(1);
  });

  it("does not ring when one that rang at its time has cancelled it, and rings once when it was set anew", async () => {
    const { alarms, clock, set } = scene();
    const [cancelled, moved] = [set(10), set(10)];
    const first = set(10);
    // Alarms of one slot ring in the order in which they were set: the first one is set again to be the last.
    alarms.set(cancelled, 10, clock.now().mono);
    alarms.set(moved, 10, clock.now().mono);
    first.ring = () => {
      alarms.cancel(cancelled);
      alarms.set(moved, 5, clock.now().mono);
    };
    await clock.advance(10);
    expect([cancelled.rings, moved.rings]).toEqual([0, 0]);
    await clock.advance(5);
    expect([cancelled.rings, moved.rings]).toEqual([0, 1]);
    expect(clock.pending).toBe(0);
  });
});
