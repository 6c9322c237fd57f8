import type { Span } from "./otlp.ts";

/** A lease that others waited for. */
export interface Held {
  readonly service: string;
  /** The part of the wait in which it was held, ms. */
  readonly ms: number;
  /** The longest work that was done with it; undefined if it had no span. */
  readonly work: string | undefined;
}

/** An acquire that had to wait, and the leases that it waited for. */
export interface Wait {
  readonly service: string;
  readonly key: string;
  readonly ms: number;
  /** Whom it found with the key. */
  readonly holder: string;
  /** One after the other. */
  readonly held: readonly Held[];
  /** The part in which no lease was held, ms: a ticket was under way, or a grant. */
  readonly rest: number;
}

/** The waits for the key, from spans alone. */
export function waitsFor(key: string, spans: readonly Span[]): Wait[] {
  const own = spans.filter(({ attributes }) => attributes["lock.key"] === key);
  const holds = own.filter(({ name }) => name === "lock.hold").toSorted((a, b) => a.start - b.start);
  return own
    .filter(({ name, attributes }) => name === "lock.acquire" && attributes["lock.outcome"] === "acquired")
    .filter(({ attributes }) => attributes["lock.holder"] !== undefined)
    .map((acquire) => {
      const others = holds.filter(({ links }) => !links.includes(acquire.id));
      const held = others.map((hold) => ({
        service: hold.service,
        ms: overlap(hold, acquire),
        work: longestWork(hold, spans),
      }));
      const ms = Number(acquire.attributes["lock.waited_ms"]);
      return {
        service: acquire.service,
        key,
        ms,
        holder: String(acquire.attributes["lock.holder"]),
        held: held.filter((each) => each.ms > 0),
        rest: Math.max(0, ms - held.reduce((sum, each) => sum + each.ms, 0)),
      };
    });
}

/** A span of a lease stands beside the work that is done with it: both have the span of the request as their parent. */
function longestWork(hold: Span, spans: readonly Span[]): string | undefined {
  return spans
    .filter(({ service, parent }) => service === hold.service && parent === hold.parent)
    .filter(({ name }) => !name.startsWith("lock."))
    .toSorted((a, b) => overlap(b, hold) - overlap(a, hold))
    .find((work) => overlap(work, hold) > 0)?.name;
}

function overlap(a: Span, b: Span): number {
  return Math.max(0, Math.min(a.end, b.end) - Math.max(a.start, b.start));
}
