import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type Attributes, type Meter, trace } from "@opentelemetry/api";
import type { ObservedRequest, ObservedTurn } from "./observed.ts";
import { type InstrumentOptions, readOptions } from "./options.ts";

/** Options of `instrumentRequests` and `instrumentTurns`. */
export type ChannelOptions = Pick<InstrumentOptions, "meter">;

/**
 * Counts the requests that `@lock/express` refuses or answers again, as `lock.requests` by event; the span that is active
 * there gets an event. Of all routes of the process: call it once. Returns a function that stops it.
 * @example
 * const stop = instrumentRequests();
 * @throws TypeError for wrong options
 */
export function instrumentRequests(options?: ChannelOptions): () => void {
  const { meter } = readOptions("instrumentRequests", options, ["meter"]);
  const count = counterOf(meter, "lock.requests", "Requests that locks refused or answered again, by event");
  return hear<ObservedRequest>("lock:express", ({ event, request, status, code }) => {
    const { baseUrl = "", route } = request;
    count(event, {
      ...(typeof route?.path === "string" && { "http.route": baseUrl + route.path }),
      "http.response.status_code": status,
      ...(code !== undefined && { "lock.code": code }),
    });
  });
}

/**
 * Counts the turns of `@lock/memory`, by how they ended, and saves that came too late, as `lock.turns` by event; the span
 * that is active there gets an event. Of all memories of the process: call it once. Returns a function that stops it.
 * @example
 * const stop = instrumentTurns();
 * @throws TypeError for wrong options
 */
export function instrumentTurns(options?: ChannelOptions): () => void {
  const { meter } = readOptions("instrumentTurns", options, ["meter"]);
  const count = counterOf(
    meter,
    "lock.turns",
    "Turns of conversations that have ended, and late saves, by event",
  );
  return hear<ObservedTurn>("lock:memory", (told) => {
    count(told.event === "turn" ? endOf(told.error) : "late save", {});
  });
}

/** How turns end, by the code of what they end with. */
const ENDS: Readonly<Record<string, string>> = {
  LOCK_LOST: "lost",
  STALE_WRITE: "lost",
  TURN_INTERRUPTED: "interrupted",
  TURN_ENDED: "abandoned",
};

function endOf(error: unknown): string {
  if (error === undefined) return "done";
  return ENDS[String(Object(error).code)] ?? "failed";
}

/** Counts an event, and tells it on the active span. */
function counterOf(meter: Meter, name: string, description: string) {
  const counter = meter.createCounter(name, { description });
  return (event: string, labels: Attributes) => {
    counter.add(1, { "lock.event": event, ...labels });
    trace.getActiveSpan()?.addEvent(`${name} ${event}`, labels);
  };
}

/** Subscribes to what an adapter publishes. */
function hear<Told>(channel: string, tell: (told: Told) => void): () => void {
  const listener = (message: unknown) => tell(message as Told);
  subscribe(channel, listener);
  return () => void unsubscribe(channel, listener);
}
