import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";
import { expect, it } from "vitest";
import { guardJobs, type Strategy } from "../src/index.ts";
import { finished } from "./support/events.ts";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();

/** What the guard sends beside BullMQ, per `add` and per run, when nobody is in the way. */
const COST = [
  ["until-executing", 1, 1],
  ["until-executed", 1, 1],
  ["until-expired", 2, 0],
  ["while-executing", 0, 2],
  ["until-and-while-executing", 1, 2],
] as const;
/** A claim that others cannot judge by its job is confirmed when the job was added. */
const COST_OF_SHARED = COST.map(
  ([strategy, forAdd, forRun]) => [strategy, forAdd === 1 ? 2 : forAdd, forRun] as const,
);

/** Locks over a client of their own, and how many commands it has sent since it was asked last. */
async function countedLocks() {
  const client = new Redis(scene.url);
  const [, address] = /addr=(\S+)/.exec(await client.client("INFO")) ?? [];
  const monitor = await scene.redis.monitor();
  let sent: string[] = [];
  monitor.on("monitor", (_time, args: string[], source: string) => {
    if (source === address) sent.push(`${args[0]}`);
  });
  return {
    locks: createLocks({ backend: ioredisBackend(client) }),
    async count() {
      // What came before this has been told when this is.
      await client.ping();
      await expect.poll(() => sent).toContain("ping");
      const commands = sent.filter((command) => command !== "ping").length;
      sent = [];
      return commands;
    },
    close() {
      monitor.disconnect();
      client.disconnect();
    },
  };
}

/** What differs from a job of two words that succeeds at once. */
interface Rare {
  readonly opts?: object;
  /** How often it fails before. */
  readonly fails?: number;
}

const cases: (readonly [Strategy, number, number, string, Rare])[] = [
  ...COST.map((row) => [...row, "queue", {}] as const),
  ...COST_OF_SHARED.map((row) => [...row, `services ${row[0]}`, {}] as const),
  ["until-executed", 1, 1, "queue", { opts: { jobId: "mine" } }],
  ["until-executed", 1, 2, "queue", { fails: 1, opts: { attempts: 2 } }],
  ["until-executed", 1, 3, "queue", { fails: 2, opts: { attempts: 3 } }],
  ["until-executing", 1, 2, "queue", { fails: 1, opts: { attempts: 2 } }],
];

it.each(cases)(
  "%s: %i commands for an add, %i for a job's runs (scope %s, %j)",
  async (strategy, forAdd, forRun, scope, { opts, fails = 0 }) => {
    const { bullmq } = majors[0] ?? {};
    if (bullmq === undefined) throw new Error("no BullMQ to test with");
    const producer = await countedLocks();
    const consumer = await countedLocks();
    const guard = (locks: Locks) =>
      guardJobs({
        locks,
        strategy,
        scope,
        key: { hash: "data" },
        ...(strategy === "until-expired" && { window: 60_000 }),
      });
    const adds = guard(producer.locks);
    const queue = scene.queue(bullmq);
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard(consumer.locks).processor((job) => {
        if (job.attemptsStarted <= fails) throw new Error("again");
      }),
    );
    // The first call of a script sends its source as well.
    const costs: number[][] = [];
    for (const report of ["first", "second"]) {
      const done = finished(worker);
      await adds.add(
        queue,
        "build",
        { report },
        opts && { ...opts, ...("jobId" in opts && { jobId: report }) },
      );
      await done;
      costs.push([await producer.count(), await consumer.count()]);
    }
    producer.close();
    consumer.close();
    expect(costs.at(-1)).toEqual([forAdd, forRun]);
  },
);
