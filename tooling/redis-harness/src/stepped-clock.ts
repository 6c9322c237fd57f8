/** Steps that clocks were seen to make, ms: NTP after a long outage, and a test that sets the date. */
export const STEPS = [-3_600_000, -5_000, 5_000, 3_600_000];

/** Sets the wall clock of this process forward, or back, until it is disposed of. Timers do not notice. */
export function stepWallClock(ms: number): Disposable {
  const real = Date.now;
  Date.now = () => real() + ms;
  return {
    [Symbol.dispose]: () => {
      Date.now = real;
    },
  };
}
