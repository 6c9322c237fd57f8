import { guardJobs, type JobFacts } from "@lock/bullmq";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { useRedis } from "@lock/redis-harness/vitest";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { expect, it } from "vitest";
import { instrumentJobs } from "../src/index.ts";

const redis = useRedis();

it("duplicates of jobs are counted by the template of their key", async () => {
  const client = new Redis(redis.url);
  const locks = createLocks({ backend: ioredisBackend(client) });
  const guard = guardJobs({
    locks,
    strategy: "until-executed",
    key: ({ data }: JobFacts<{ n: number }>) => `report:${data.n}`,
  });
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  const stop = instrumentJobs(guard, { meter: provider.getMeter("test") });
  const { hostname: host, port } = new URL(redis.url);
  const queue = new Queue("reports", { connection: { host, port: Number(port) } });
  await guard.add(queue, "build", { n: 1 });
  await guard.add(queue, "build", { n: 1 });
  await provider.forceFlush();
  const points = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap((scope) => scope.metrics)
    .filter(({ descriptor }) => descriptor.name === "lock.jobs")
    .flatMap(({ dataPoints }) => dataPoints.map(({ attributes, value }) => ({ ...attributes, value })));
  expect(points).toEqual([
    { "lock.key": expect.stringMatching(/^report/), "lock.event": "duplicate", value: 1 },
  ]);
  stop();
  await provider.shutdown();
  await queue.close();
  await locks.close();
  client.disconnect();
});
