import { readFileSync } from "node:fs";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { FakeClock, FaultyBackend } from "@lock/core/testing";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { describe, expect, it } from "vitest";
import { instrument } from "../src/index.ts";

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
  const { resourceMetrics } = await exporter.collect();
  stop();
  return new PrometheusSerializer().serialize(resourceMetrics);
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
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(text, name).toMatch(new RegExp(`(^|[{,])${name}[{=]`, "m"));
  });
});

it("the page names each alarm, and no other", () => {
  const alarms = [...rules.matchAll(/alert: (\w+)/g)].map(([, name]) => name);
  const named = [...read("alarms.md").matchAll(/^\| `(Lock\w+)`/gm)].map(([, name]) => name);
  expect(named).toEqual(alarms);
});
