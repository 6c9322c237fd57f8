import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";
import { expect, it } from "vitest";
import { type GuardOptions, guardJobs } from "../src/index.ts";
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
  ["until-and-while-executing", 1, 3],
] as const;

it.each(COST)("%s: %i commands for an add, %i for a run", async (strategy, forAdd, forRun) => {
  const { bullmq } = majors[0] ?? {};
  if (bullmq === undefined) throw new Error("no BullMQ to test with");
  const client = new Redis(scene.url);
  const [, address] = /addr=(\S+)/.exec(await client.client("INFO")) ?? [];
  const monitor = await scene.redis.monitor();
  let sent: string[] = [];
  monitor.on("monitor", (_time, args: string[], source: string) => {
    if (source === address) sent.push(`${args[0]}`);
  });
  const count = async () => {
    // What came before this has been told when this is.
    await client.ping();
    await expect.poll(() => sent).toContain("ping");
    const commands = sent.filter((command) => command !== "ping").length;
    sent = [];
    return commands;
  };
  const options: GuardOptions = {
    locks: createLocks({ backend: ioredisBackend(client) }),
    strategy,
    key: { hash: "data" },
    ...(strategy === "until-expired" && { window: 60_000 }),
  };
  const guard = guardJobs(options);
  const queue = scene.queue(bullmq);
  const worker = await scene.worker(
    bullmq,
    queue.name,
    guard.processor(() => "built"),
    { autorun: false },
  );
  // The first call of a script sends its source as well.
  const costs: number[][] = [];
  for (const report of ["first", "second"]) {
    const done = finished(worker);
    await guard.add(queue, "build", { report });
    const added = await count();
    if (report === "first") void worker.run();
    await done;
    costs.push([added, await count()]);
  }
  monitor.disconnect();
  client.disconnect();
  expect(costs.at(-1)).toEqual([forAdd, forRun]);
});
