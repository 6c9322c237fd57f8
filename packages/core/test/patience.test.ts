import { expect, it } from "vitest";
import { Patience, TIME_OVER } from "../src/patience.ts";
import { FakeClock } from "../src/testing.ts";

it("work that settles after its time is over does not call off the wait for the next", async () => {
  const clock = new FakeClock();
  const patience = new Patience(clock, 100, undefined);
  let settle = () => {};
  const late = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const first = patience.until(late);
  await clock.advance(100);
  expect(await first).toBe(TIME_OVER);
  let second: unknown = "waiting";
  void patience.until(new Promise(() => {})).then((outcome) => {
    second = outcome;
  });
  settle();
  await clock.advance(1);
  expect(second).toBe(TIME_OVER);
  expect(clock.pending).toBe(0);
});
