import { createLocks } from "@lock/core";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { gate, newestOrOlder } from "@lock/redis-harness/vitest";
import { createClient } from "redis";
import { describe, expect, it } from "vitest";
import { guardJobs, type JobFacts } from "../src/index.ts";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
const RUNS = 50;
/** A store that keeps the largest fence that it has seen, and refuses smaller ones. */
const WRITE = `
  if tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) > tonumber(ARGV[1]) then return 0 end
  redis.call('HSET', KEYS[1], 'fence', ARGV[1])
  return 1`;

describe.each(newestOrOlder(majors))("$name, with locks on node-redis", ({ bullmq }) => {
  it(`of ${RUNS} runs that were overtaken, every signal is aborted and every write refused`, async () => {
    const client = await createClient({ url: scene.url }).connect();
    const locks = createLocks({ backend: nodeRedisBackend(client), ttl: 1_000 });
    const lost: string[] = [];
    const guard = guardJobs({
      locks,
      strategy: "while-executing",
      key: ({ data }: JobFacts<{ report: string }>) => data.report,
      reschedule: { min: 50, max: 200 },
      onLost: ({ key }) => lost.push(key),
    });
    const queue = scene.queue(bullmq);
    const tries = new Map<string, number>();
    const allOver = gate();
    const overtaken: { readonly aborted: boolean; readonly written: unknown }[] = [];
    const write = (report: string, fence: number | undefined) =>
      scene.redis.eval(WRITE, 1, `report:${queue.name}:${report}`, fence ?? 0);
    const work = guard.processor(
      async (job: { data: { report: string } } & import("bullmq").Job, context) => {
        const { report } = job.data;
        const run = (tries.get(report) ?? 0) + 1;
        tries.set(report, run);
        if (run > 1) return write(report, context.fencingToken);
        // Somebody frees the key, and BullMQ forgets that this job is being worked on: it is run again beside us.
        await locks.forceRelease(`run:queue=${queue.name}:${report}`);
        await scene.redis.del(`bull:${queue.name}:${job.id}:lock`);
        await expect
          .poll(() => scene.redis.hget(`report:${queue.name}:${report}`, "fence"), { timeout: 30_000 })
          .not.toBeNull();
        if (!context.signal.aborted) {
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        }
        overtaken.push({
          aborted: context.signal.aborted,
          written: await write(report, context.fencingToken),
        });
        if (overtaken.length === RUNS) allOver.open();
        return "stale";
      },
    );
    const options = { lockDuration: 1_500, stalledInterval: 300, maxStalledCount: 50, concurrency: 2 * RUNS };
    guard.attach(await scene.worker(bullmq, queue.name, work as import("bullmq").Processor, options));
    await queue.addBulk(
      Array.from({ length: RUNS }, (_, at) => ({ name: "build", data: { report: `report ${at}` } })),
    );
    await allOver.opened;
    expect(overtaken).toEqual(Array.from({ length: RUNS }, () => ({ aborted: true, written: 0 })));
    expect(new Set(lost).size).toBe(RUNS);
    await locks.close();
    client.destroy();
  });
});
