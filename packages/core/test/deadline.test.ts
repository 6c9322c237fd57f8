import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { inProcessBackend } from "../src/in-process.ts";
import { createLocks } from "../src/index.ts";
import { Alarms } from "../src/lease/alarms.ts";
import { Deadline, TIME_OVER } from "../src/lease/deadline.ts";
import { FakeClock } from "../src/testing.ts";

it("work that settles after its time is over does not cancel the wait for the next", async () => {
  const clock = new FakeClock();
  const deadline = new Deadline({ clock, deadlines: new Alarms(clock, true) }, 100, undefined);
  let settle = () => {};
  const late = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const first = deadline.until(late);
  await clock.advance(100);
  expect(await first).toBe(TIME_OVER);
  let second: unknown = "waiting";
  void deadline.until(new Promise(() => {})).then((outcome) => {
    second = outcome;
  });
  settle();
  await clock.advance(1);
  expect(second).toBe(TIME_OVER);
  expect(clock.pending).toBe(0);
});

it("one signal may end the waits of many: it has one listener, and none when all are over", async () => {
  const clock = new FakeClock();
  const locks = createLocks({ backend: inProcessBackend({ clock }) });
  const controller = new AbortController();
  const { signal } = controller;
  const warnings: Error[] = [];
  const hear = (warning: Error) => warnings.push(warning);
  process.on("warning", hear);
  await locks.acquire("busy");
  const waits = Array.from({ length: 50 }, () =>
    locks.acquire("busy", { signal, wait: "forever" }).catch((error: unknown) => error),
  );
  const others = Array.from({ length: 50 }, (_, index) => locks.acquire(`free ${index}`, { signal }));
  await Promise.all(others);
  await clock.advance(1);
  expect(getEventListeners(signal, "abort").length).toBe(1);
  controller.abort("enough");
  expect(new Set(await Promise.all(waits))).toEqual(new Set(["enough"]));
  expect(getEventListeners(signal, "abort").length).toBe(0);
  await new Promise((resume) => setImmediate(resume));
  process.off("warning", hear);
  expect(warnings).toEqual([]);
  await locks.close();
});
