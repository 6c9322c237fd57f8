import { createLocks, type Locks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { quorumBackend } from "@lock/core/quorum";
import { FakeClock, FaultyBackend } from "@lock/core/testing";
import { SpanStatusCode } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { instrument, traceContext } from "../src/index.ts";
import { startMetering } from "./support/metering.ts";
import { startTracing } from "./support/tracing.ts";

const tracing = startTracing();
const { tracer, spans, within } = tracing;

let clock: FakeClock;
let backend: FaultyBackend;
let locks: Locks;
let rivals: Locks;
let stop: () => void;

beforeEach(() => {
  tracing.clear();
  clock = new FakeClock();
  backend = new FaultyBackend(inProcessBackend({ clock }));
  locks = createLocks({ backend, holder: "me" });
  rivals = createLocks({ backend, holder: "rival" });
  stop = instrument(locks, { tracer });
});
afterEach(() => stop());

/** Lets time pass until the work has settled, however it does. */
async function settled(work: Promise<unknown>, ms = 1_000): Promise<void> {
  const done = work.catch(() => undefined);
  await clock.advance(ms);
  await done;
}

describe("a span of an acquire", () => {
  it("stands under the span that is active where it is called, and so does that of its lease", async () => {
    await within("request", async () => {
      await null;
      await locks.using("order:42", () => undefined);
    });
    await expect.poll(() => spans("request")).toHaveLength(1);
    const [request] = spans("request");
    const [acquire] = spans("lock.acquire");
    const [hold] = spans("lock.hold");
    for (const span of [acquire, hold]) {
      expect(span?.spanContext().traceId).toBe(request?.spanContext().traceId);
      expect(span?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    }
    expect(hold?.links.map(({ context }) => context.spanId)).toEqual([acquire?.spanContext().spanId]);
    expect(acquire?.attributes).toEqual({
      "lock.key": "order:42",
      "lock.mode": "exclusive",
      "lock.backend": "faulty in-process",
      "lock.outcome": "acquired",
      "lock.waited_ms": 0,
      "lock.fencing_token": expect.any(Number),
    });
    expect(hold?.attributes).toMatchObject({
      "lock.key": "order:42",
      "lock.fencing_token": acquire?.attributes["lock.fencing_token"],
      "lock.release_outcome": "released",
    });
    expect(hold?.status.code).toBe(SpanStatusCode.UNSET);
  });

  it("belongs to its own caller, of 100 acquires of one key at once", async () => {
    const work = Array.from({ length: 100 }, (_, n) =>
      within(`caller ${n}`, () => locks.using("busy", { wait: "forever" }, () => undefined)),
    );
    await Promise.all(work);
    await expect.poll(() => spans("caller 99")).toHaveLength(1);
    expect(spans("lock.acquire")).toHaveLength(100);
    for (let n = 0; n < 100; n++) {
      const { spanId } = spans(`caller ${n}`)[0]?.spanContext() ?? {};
      for (const name of ["lock.acquire", "lock.hold"]) {
        expect(spans(name).filter((span) => span.parentSpanContext?.spanId === spanId)).toHaveLength(1);
      }
    }
    // The first one did not wait.
    expect(spans("lock.acquire").filter(({ events }) => events[0]?.name === "waiting")).toHaveLength(99);
  });

  it.each<[outcome: string, acquire: () => Promise<unknown>]>([
    ["busy", () => locks.tryAcquire("busy")],
    ["timeout", () => locks.acquire("busy", { wait: 500 })],
    ["aborted", () => locks.acquire("busy", { signal: AbortSignal.timeout(1) })],
    [
      "error",
      () => {
        backend.fail("tryAcquire", undefined, Number.POSITIVE_INFINITY);
        return locks.acquire("free", { wait: 500 });
      },
    ],
  ])("says how it ended without a lease: %s", async (outcome, acquire) => {
    await rivals.acquire("busy", { ttl: 60_000 });
    const acquiring = acquire();
    if (outcome === "aborted") await acquiring.catch(() => undefined);
    await settled(acquiring);
    const [span, ...others] = spans("lock.acquire");
    expect(others).toEqual([]);
    expect(span?.attributes["lock.outcome"]).toBe(outcome);
    expect(span?.status.code).toBe(outcome === "error" ? SpanStatusCode.ERROR : SpanStatusCode.UNSET);
    if (outcome !== "error") expect(span?.attributes["lock.holder"]).toBe("rival");
    else expect(span?.events.map(({ name }) => name)).toContain("exception");
    expect(spans("lock.hold")).toEqual([]);
  });

  it("has the votes of a quorum", async () => {
    const nodes = [inProcessBackend(), inProcessBackend(), inProcessBackend()];
    const ofQuorum = createLocks({ backend: quorumBackend(nodes, { maxTtl: 200 }), ttl: 100 });
    const { meter, points } = startMetering();
    const stopQuorum = instrument(ofQuorum, { tracer, meter });
    const lease = await ofQuorum.acquire("a");
    await lease.release();
    await ofQuorum.close();
    stopQuorum();
    const votes = [...spans("lock.acquire"), ...spans("lock.hold")].flatMap(
      ({ attributes }) => attributes["lock.votes"] ?? [],
    );
    expect(votes).toContain("node 1 (in-process): granted");
    expect(spans("lock.acquire")[0]?.attributes["lock.backend"]).toBe("quorum of 3");
    const labels = { "lock.node": "node 1 (in-process)", "lock.vote": "granted" };
    expect(await points("lock.node.votes")).toContainEqual({ ...labels, value: 1 });
    expect(await points("lock.node.duration")).toContainEqual({
      ...labels,
      value: expect.objectContaining({ count: 1, min: expect.any(Number) }),
    });
  });
});

describe("a span of a lease", () => {
  it("tells of extends, and of a loss as an error", async () => {
    const lease = await locks.acquire("a", { ttl: 3_000 });
    await lease.extend();
    backend.fail("extend", undefined, Number.POSITIVE_INFINITY);
    await clock.advance(5_000);
    const [hold] = spans("lock.hold");
    expect(hold?.status).toEqual({ code: SpanStatusCode.ERROR, message: "the lease was lost: unreachable" });
    expect(hold?.attributes["lock.lost_reason"]).toBe("unreachable");
    const names = new Set(hold?.events.map(({ name }) => name));
    expect(names).toEqual(new Set(["extended", "extend failed"]));
  });

  it("goes on in the same trace in the process that adopts the lease", async () => {
    const theirs = createLocks({ backend, holder: "other process" });
    const stopTheirs = instrument(theirs, { tracer });
    const ticket = await within("request", async () => {
      const lease = await locks.acquire("a");
      return JSON.stringify(lease.toTicket({ context: traceContext() }));
    });
    const adopted = await theirs.adopt(JSON.parse(ticket));
    await adopted.release();
    stopTheirs();
    await expect.poll(() => spans("request")).toHaveLength(1);
    const { traceId, spanId } = spans("request")[0]?.spanContext() ?? {};
    const holds = spans("lock.hold");
    expect(holds.map(({ attributes }) => attributes["lock.release_outcome"])).toEqual([
      "handedOver",
      "released",
    ]);
    for (const hold of holds) {
      expect(hold.spanContext().traceId).toBe(traceId);
      expect(hold.parentSpanContext?.spanId).toBe(spanId);
    }
  });

  it("ends when it is not observed any more, and nothing is heard after that", async () => {
    await locks.acquire("a");
    stop();
    expect(spans("lock.hold")).toHaveLength(1);
    await locks.tryAcquire("b");
    expect(spans("lock.acquire")).toHaveLength(1);
  });
});

it("wrong arguments are refused in words", () => {
  const wrongly = instrument as (locks?: unknown, options?: unknown) => unknown;
  expect(() => wrongly()).toThrow("instrument needs what createLocks returned");
  expect(() => wrongly(locks, { trace: tracer })).toThrow(
    'instrument has no option "trace"; it has tracer, meter, keyOf',
  );
  expect(() => wrongly(locks, { tracer: {} })).toThrow("tracer must be of @opentelemetry/api");
  expect(() => wrongly(locks, { keyOf: "a" })).toThrow("keyOf must be a function, got string");
});
