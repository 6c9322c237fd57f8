import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { useRedis } from "@lock/redis-harness/vitest";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type InstrumentOptions, instrument } from "../src/index.ts";

const redis = useRedis();
let client: Redis;
let locks: Locks;
let scrape: (options?: InstrumentOptions) => Promise<{ stop(): void; read(): Promise<string> }>;
const ends: (() => Promise<unknown> | unknown)[] = [];

beforeEach(() => {
  client = new Redis(redis.url);
  locks = createLocks({ backend: ioredisBackend(client), holder: "the holder" });
  scrape = async (options) => {
    const exporter = new PrometheusExporter({ preventServerStart: true });
    const provider = new MeterProvider({ readers: [exporter] });
    const server = createServer((request, response) => exporter.getMetricsRequestHandler(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ends.push(
      () => provider.shutdown(),
      () => server.close(),
    );
    const stop = instrument(locks, { meter: provider.getMeter("test"), ...options });
    const { port } = server.address() as AddressInfo;
    return { stop, read: async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text() };
  };
});
afterEach(async () => {
  await locks.close();
  client.disconnect();
  for (const end of ends.splice(0)) await end();
});

/** The value of a line of the Prometheus format, by its name and some of its labels. */
function sample(text: string, name: string, ...labels: string[]): number | undefined {
  const line = text
    .split("\n")
    .find((each) => each.startsWith(`${name}{`) && labels.every((label) => each.includes(label)));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1).trim());
}

it("metrics are scraped by Prometheus, and never have a raw key or a holder", async () => {
  const { stop, read } = await scrape();
  const lease = await locks.acquire("order:no4711");
  const waiting = locks.acquire("order:no4711", { wait: 5_000 });
  await locks.tryAcquire("order:no4711");
  await expect.poll(async () => sample(await read(), "lock_waiting", 'lock_key="order"')).toBe(1);
  expect(sample(await read(), "lock_held", 'lock_key="order"')).toBe(1);
  await lease.release();
  await (await waiting).release();
  const text = await read();
  expect(sample(text, "lock_held")).toBe(0);
  expect(sample(text, "lock_waiting")).toBe(0);
  expect(sample(text, "lock_acquisitions_total", 'lock_outcome="acquired"', 'lock_mode="exclusive"')).toBe(2);
  expect(sample(text, "lock_acquisitions_total", 'lock_outcome="busy"')).toBe(1);
  expect(sample(text, "lock_conflicts_total")).toBe(2);
  expect(sample(text, "lock_acquire_duration_count", 'lock_outcome="acquired"')).toBe(2);
  expect(sample(text, "lock_hold_duration_count")).toBe(2);
  expect(sample(text, "lock_hold_duration_bucket", 'le="1800"')).toBe(2);
  expect(text).not.toContain("no4711");
  expect(text).not.toContain("the holder");
  stop();
});

it("every metric names key, mode and backend, also of a lease that was adopted", async () => {
  const { stop, read } = await scrape();
  const lease = await locks.acquire("order:1");
  await locks.tryAcquire("order:1");
  const adopted = await locks.adopt(lease.toTicket());
  await adopted.release();
  const lines = (await read()).split("\n").filter((line) => line.startsWith("lock_"));
  expect(lines.filter((line) => line.startsWith("lock_hold_duration_count"))).toHaveLength(1);
  for (const line of lines) {
    expect(line).toContain('lock_key="order",lock_mode="exclusive",lock_backend="redis"');
  }
  stop();
});

it("losses are counted by their reason, and extends that failed", async () => {
  const { stop, read } = await scrape();
  const lease = await locks.acquire("job");
  await locks.forceRelease("job");
  await lease.extend().catch(() => undefined);
  const text = await read();
  expect(sample(text, "lock_lost_total", 'lock_reason="expired"', 'lock_key="job"')).toBe(1);
  expect(sample(text, "lock_held")).toBe(0);
  stop();
});

it("of more than 200 different texts of keyOf, the rest are told as other", async () => {
  const { stop, read } = await scrape({ keyOf: (key) => key });
  await Promise.all(Array.from({ length: 250 }, (_, n) => locks.using(`key-${n}`, () => undefined)));
  const keys = new Set([...(await read()).matchAll(/lock_key="([^"]+)"/g)].map(([, key]) => key));
  expect(keys.size).toBe(201);
  expect(keys).toContain("other");
  stop();
});

it("spans arrive by OTLP over HTTP", async () => {
  const bodies: string[] = [];
  const receiver = createServer(async (request, response) => {
    bodies.push(Buffer.concat(await request.toArray()).toString());
    response.setHeader("content-type", "application/json").end("{}");
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const { port } = receiver.address() as AddressInfo;
  const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${port}/v1/traces` });
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const stop = instrument(locks, { tracer: provider.getTracer("test") });
  await locks.using("order:1", () => undefined);
  await provider.forceFlush();
  const spans = bodies
    .flatMap((body) => JSON.parse(body).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap((scope) => scope.spans);
  expect(spans.map(({ name }) => name).toSorted()).toEqual(["lock.acquire", "lock.hold"]);
  stop();
  await provider.shutdown();
  receiver.close();
});
