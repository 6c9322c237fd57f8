import { readFileSync } from "node:fs";
import { guardJobs } from "@lock/bullmq";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { ioredisBackend } from "@lock/core/ioredis";
import { quorumBackend } from "@lock/core/quorum";
import { FakeClock, FaultyBackend } from "@lock/core/testing";
import { lockRoute } from "@lock/express";
import { lockMemory } from "@lock/memory";
import { useRedis } from "@lock/redis-harness/vitest";
import type { Meter } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { Queue } from "bullmq";
import express from "express";
import { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { instrument, instrumentJobs, instrumentRequests, instrumentTurns } from "../src/index.ts";
import { listen } from "./support/listen.ts";

const redis = useRedis();

const read = (file: string) =>
  readFileSync(new URL(`../../../docs/operations/${file}`, import.meta.url), "utf8");

/** All that locks can export: each outcome, a loss, a failed extend. */
async function exported(): Promise<string> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  const clock = new FakeClock();
  const backend = new FaultyBackend(inProcessBackend({ clock }));
  const locks = createLocks({ backend });
  const stop = instrument(locks, { meter: provider.getMeter("test") });
  const lease = await locks.acquire("a", { ttl: 3_000 });
  await locks.tryAcquire("a");
  const waiting = locks.acquire("a", { wait: 100 }).catch(() => undefined);
  await clock.advance(200);
  await waiting;
  backend.fail("extend", undefined, Number.POSITIVE_INFINITY);
  await clock.advance(5_000);
  expect(lease.validFor).toBe(0);
  await (await locks.acquire("b")).release();
  const stops = [stop, ...(await exportOthers(provider.getMeter("test")))];
  const { resourceMetrics } = await exporter.collect();
  for (const end of stops) end();
  return new PrometheusSerializer().serialize(resourceMetrics);
}

/** What quorums, routes, turns and jobs export. */
async function exportOthers(meter: Meter): Promise<(() => void)[]> {
  const nodes = [inProcessBackend(), inProcessBackend(), inProcessBackend()];
  const quorum = createLocks({ backend: quorumBackend(nodes, { maxTtl: 200 }), ttl: 100 });
  const client = new Redis(redis.url);
  const locks = createLocks({ backend: ioredisBackend(client) });
  const guard = guardJobs({ locks, strategy: "until-executed", key: () => "job" });
  const { hostname: host, port } = new URL(redis.url);
  const queue = new Queue("reports", { connection: { host, port: Number(port) } });
  const stops = [
    instrument(quorum, { meter }),
    instrumentRequests({ meter }),
    instrumentTurns({ meter }),
    instrumentJobs(guard, { meter }),
  ];
  const voted = new Promise((resolve) => quorum.on("voted", resolve));
  await quorum.using("a", () => undefined);
  await voted;
  await guard.add(queue, "build", {});
  await guard.add(queue, "build", {});
  const store = { load: async () => [] };
  const memory = lockMemory(store, { locks, sessionId: "chat", methods: { read: ["load"] } });
  await memory.withTurn(() => undefined);
  await locks.acquire("order");
  const app = express();
  app.get("/", lockRoute({ locks, key: "order" }), (_req, res) => void res.end());
  expect((await fetch(await listen(app))).status).toBe(409);
  await queue.close();
  await Promise.all([quorum.close(), locks.close()]);
  client.disconnect();
  return stops;
}

/** Names of metrics and of labels in expressions of Prometheus. */
function namesIn(expressions: readonly string[]) {
  const text = expressions.join("\n").replaceAll(/"[^"]*"/g, '""');
  return [...new Set(text.match(/\block_\w+/g))];
}

const dashboard = JSON.parse(read("grafana-dashboard.json")) as {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
};
const rules = read("prometheus-rules.yaml");

describe.each([
  ["the dashboard", dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))],
  ["the alarms", [...rules.matchAll(/^ +expr: (.+)$/gm)].map(([, expr = ""]) => expr)],
])("%s", (_what, expressions) => {
  it("uses only metrics and labels that are exported", async () => {
    const text = await exported();
    const names = namesIn(expressions);
    expect(names.length).toBeGreaterThan(9);
    for (const name of names) expect(text, name).toMatch(new RegExp(`(^|[{,])${name}[{=]`, "m"));
  });
});

it("the page names each alarm, and no other", () => {
  const alarms = [...rules.matchAll(/alert: (\w+)/g)].map(([, name]) => name);
  const named = [...read("alarms.md").matchAll(/^\| `(Lock\w+)`/gm)].map(([, name]) => name);
  expect(named).toEqual(alarms);
});
