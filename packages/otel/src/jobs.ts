import type { ObservedGuard, ObservedJobEvents } from "./observed.ts";
import { type InstrumentOptions, readOptions } from "./options.ts";

const EVENTS: readonly (keyof ObservedJobEvents)[] = [
  "duplicate",
  "rescheduled",
  "takenOver",
  "lost",
  "unguarded",
  "leftBehind",
];

/**
 * Counts what a guard of `@lock/bullmq` tells, as `lock.jobs` by event. Its locks are instrumented by `instrument`. Returns a
 * function that stops it.
 * @example
 * const stop = instrumentJobs(guard);
 * @throws TypeError for wrong options, or what is no guard
 */
export function instrumentJobs(guard: ObservedGuard, options?: InstrumentOptions): () => void {
  if (typeof guard?.on !== "function") {
    throw new TypeError("instrumentJobs needs what guardJobs returned, with the method on");
  }
  const { meter, keyOf } = readOptions("instrumentJobs", options);
  const jobs = meter.createCounter("lock.jobs", { description: "What guards of jobs tell, by event" });
  const stops = EVENTS.map((event) =>
    guard.on(event, ({ key }) => jobs.add(1, { "lock.key": keyOf(key), "lock.event": event })),
  );
  return () => {
    for (const stop of stops) stop();
  };
}
