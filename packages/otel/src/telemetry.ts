import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
} from "@opentelemetry/api";
import { type LockMetrics, lockMetrics } from "./metrics.ts";
import type { ObservedEvents } from "./observed.ts";
import type { Instrumentation } from "./options.ts";

/** An acquire that is under way. */
interface Acquire {
  readonly span: Span;
  /** The context of the caller: its lease belongs there, too. */
  readonly parent: Context;
  readonly labels: Attributes;
  readonly since: number;
  isWaiting: boolean;
}

/** A lease that is held. */
interface Hold {
  readonly span: Span;
  readonly labels: Attributes;
}

type Told<Name extends keyof ObservedEvents> = ObservedEvents[Name];

/** Makes spans and metrics of the events of locks. Keys and holders stand on spans only: metrics have few different labels. */
export class LockTelemetry {
  readonly #metrics: LockMetrics;
  readonly #acquires = new Map<number, Acquire>();
  readonly #holds = new Map<number, Hold>();

  constructor(private readonly instrumentation: Instrumentation) {
    this.#metrics = lockMetrics(instrumentation.meter);
  }

  acquiring(told: Told<"acquiring">): void {
    const { id, key } = told;
    const parent = context.active();
    const labels = this.#labelsOf(told);
    const attributes = { ...labels, "lock.key": key };
    const span = this.instrumentation.tracer.startSpan("lock.acquire", { attributes }, parent);
    this.#acquires.set(id, { span, parent, labels, since: performance.now(), isWaiting: false });
  }

  contended({ id, holder }: Told<"contended">): void {
    const acquire = this.#acquires.get(id);
    if (acquire === undefined) return;
    if (holder?.holder !== undefined) acquire.span.setAttribute("lock.holder", holder.holder);
    this.#metrics.conflicts.add(1, acquire.labels);
  }

  waiting({ id }: Told<"waiting">): void {
    const acquire = this.#acquires.get(id);
    // Several keys that are taken in order are waited for one by one.
    if (acquire === undefined || acquire.isWaiting) return;
    acquire.isWaiting = true;
    acquire.span.addEvent("waiting");
    this.#metrics.waiting.add(1, acquire.labels);
  }

  /** The last node of a quorum may answer when the key is granted already. */
  voted({ id, votes }: Told<"voted">): void {
    const { span } = this.#acquires.get(id) ?? this.#holds.get(id) ?? {};
    span?.setAttribute(
      "lock.votes",
      votes.map(({ node, vote }) => `${node}: ${vote}`),
    );
    for (const { node, vote, took } of votes) {
      const labels = { "lock.node": node, "lock.vote": vote };
      this.#metrics.nodeVotes.add(1, labels);
      if (took !== undefined) this.#metrics.nodeDuration.record(took / 1_000, labels);
    }
  }

  acquired(told: Told<"acquired">): void {
    const { id, key, fencingToken, waited } = told;
    const acquire = this.#acquires.get(id);
    acquire?.span.setAttribute("lock.fencing_token", fencingToken);
    this.#ended(id, "acquired", waited);
    const labels = acquire?.labels ?? this.#labelsOf(told);
    const attributes = { ...labels, "lock.key": key, "lock.fencing_token": fencingToken };
    const links = acquire === undefined ? [] : [{ context: acquire.span.spanContext() }];
    const parent = acquire?.parent ?? parentOf(told.context);
    const span = this.instrumentation.tracer.startSpan("lock.hold", { attributes, links }, parent);
    this.#holds.set(id, { span, labels });
    this.#metrics.held.add(1, labels);
  }

  refused({ id }: Told<"refused">): void {
    this.#ended(id, "busy");
  }

  timedOut({ id, waited }: Told<"timedOut">): void {
    this.#ended(id, "timeout", waited);
  }

  aborted({ id, waited, reason }: Told<"aborted">): void {
    this.#acquires.get(id)?.span.setAttribute("lock.abort_reason", nameOf(reason));
    this.#ended(id, "aborted", waited);
  }

  failed({ id, waited, error }: Told<"failed">): void {
    const span = this.#acquires.get(id)?.span;
    span?.recordException(error);
    span?.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    this.#ended(id, "error", waited);
  }

  extended({ id, validFor }: Told<"extended">): void {
    this.#holds.get(id)?.span.addEvent("extended", { "lock.valid_for_ms": validFor });
  }

  extendFailed({ id, error }: Told<"extendFailed">): void {
    const hold = this.#holds.get(id);
    if (hold === undefined) return;
    hold.span.addEvent("extend failed", { "exception.message": error.message });
    this.#metrics.extendFailures.add(1, hold.labels);
  }

  lost({ id, reason, held }: Told<"lost">): void {
    const hold = this.#holds.get(id);
    if (hold === undefined) return;
    hold.span.setAttribute("lock.lost_reason", reason);
    hold.span.setStatus({ code: SpanStatusCode.ERROR, message: `the lease was lost: ${reason}` });
    this.#metrics.lost.add(1, { ...hold.labels, "lock.reason": reason });
    this.#over(id, held);
  }

  released({ id, outcome, held }: Told<"released">): void {
    this.#holds.get(id)?.span.setAttribute("lock.release_outcome", outcome);
    this.#over(id, held);
  }

  handedOver({ id, held }: Told<"handedOver">): void {
    this.#holds.get(id)?.span.setAttribute("lock.release_outcome", "handedOver");
    this.#over(id, held);
  }

  /** Nothing is heard any more: what is open is ended, and counted as neither held nor waiting. */
  stop(): void {
    for (const { span, isWaiting, labels } of this.#acquires.values()) {
      if (isWaiting) this.#metrics.waiting.add(-1, labels);
      span.end();
    }
    for (const { span, labels } of this.#holds.values()) {
      this.#metrics.held.add(-1, labels);
      span.end();
    }
    this.#acquires.clear();
    this.#holds.clear();
  }

  #labelsOf({ key, mode, backend }: Told<"acquiring">): Attributes {
    return { "lock.key": this.instrumentation.keyOf(key), "lock.mode": mode, "lock.backend": backend };
  }

  #ended(id: number, outcome: string, waited?: number): void {
    const acquire = this.#acquires.get(id);
    if (acquire === undefined) return;
    const { span, labels, since, isWaiting } = acquire;
    this.#acquires.delete(id);
    const ms = waited ?? performance.now() - since;
    if (isWaiting) this.#metrics.waiting.add(-1, labels);
    span.setAttributes({ "lock.outcome": outcome, "lock.waited_ms": ms });
    span.end();
    const counted = { ...labels, "lock.outcome": outcome };
    this.#metrics.acquisitions.add(1, counted);
    this.#metrics.acquireDuration.record(ms / 1_000, counted);
  }

  #over(id: number, held: number): void {
    const hold = this.#holds.get(id);
    if (hold === undefined) return;
    this.#holds.delete(id);
    hold.span.end();
    this.#metrics.held.add(-1, hold.labels);
    this.#metrics.holdDuration.record(held / 1_000, hold.labels);
  }
}

/** Where the lease that a ticket gave away came from. */
function parentOf(carried: Readonly<Record<string, string>> | undefined): Context {
  return carried === undefined ? context.active() : propagation.extract(ROOT_CONTEXT, carried);
}

function nameOf(reason: unknown): string {
  return reason instanceof Error ? reason.name : typeof reason;
}
