import type { ObservedEvents, ObservedLocks } from "./observed.ts";
import { type InstrumentOptions, readOptions } from "./options.ts";
import { LockTelemetry } from "./telemetry.ts";

const EVENTS: readonly (keyof ObservedEvents)[] = [
  "acquiring",
  "contended",
  "waiting",
  "voted",
  "acquired",
  "refused",
  "timedOut",
  "aborted",
  "failed",
  "extended",
  "extendFailed",
  "lost",
  "released",
  "handedOver",
];

/**
 * Traces and measures locks by their events: a span `lock.acquire` for each acquire, under the span that is active where it
 * is called, a span `lock.hold` for each lease, and the metrics that the README lists. Returns a function that stops it.
 * @example
 * const stop = instrument(locks);
 * @throws TypeError for wrong options, or what are no locks
 */
export function instrument(locks: ObservedLocks, options?: InstrumentOptions): () => void {
  if (typeof locks?.on !== "function") {
    throw new TypeError("instrument needs what createLocks returned, with the method on");
  }
  const telemetry = new LockTelemetry(readOptions("instrument", options));
  const listen = <Name extends keyof ObservedEvents>(name: Name) => {
    const hear: (told: ObservedEvents[Name]) => void = telemetry[name].bind(telemetry) as never;
    return locks.on(name, hear);
  };
  const stops = EVENTS.map((name) => listen(name));
  return () => {
    for (const stop of stops) stop();
    telemetry.stop();
  };
}
