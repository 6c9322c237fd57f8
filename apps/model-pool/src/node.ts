import type { Pool } from "@lock/core";
import { machineTime, type Parent, redisUrlOfParent, runWorker } from "@lock/demo-kit";
import { openLocksBy } from "@lock/demo-kit/library-clients";
import { infer, withModel } from "./inference.ts";
import { type FromNode, type Job, MODELS, nameOf, POOL, type Task, type ToNode } from "./messages.ts";

type Main = Parent<ToNode, FromNode>;

/** Beside the ttl: a chosen model may be that of a dead node. */
const WAIT_MS = 10_000;

// One node process; crew.ts starts several.
await runWorker<ToNode, FromNode>(async (main) => {
  // crew.ts wrote it, with the same type.
  const task = main.argument as Task;
  const who = { prefix: task.prefix, holder: nameOf(task.node) };
  await using opened = await openLocksBy(task.client, redisUrlOfParent(), who);
  const pool = opened.locks.pool(POOL, { size: MODELS });
  main.send({ kind: "ready", pid: process.pid });
  for (let order = await main.next(); order.kind === "work"; order = await main.next()) {
    await takeModel(pool, order.job, task, main);
  }
});

/** Takes a model for one piece of work, and tells from when until when it believed in its lease. */
async function takeModel(pool: Pool, { choice, duration }: Job, { ttl }: Task, main: Main): Promise<void> {
  const asked = machineTime();
  const terms = { ttl, wait: WAIT_MS + ttl, signal: main.stop };
  let ended: FromNode | undefined;
  await withModel(pool, choice, terms, async (lease) => {
    const from = machineTime();
    const { slot, fencingToken: fence } = lease;
    main.send({ kind: "holds", slot, fence, from, waited: from - asked });
    let believed = from + lease.validFor;
    try {
      await infer(lease, duration, main.stop, () => {
        believed = machineTime() + lease.validFor;
      });
      ended = { kind: "ended", outcome: "done", until: machineTime() };
    } catch (error) {
      if (!lease.signal.aborted) throw error;
      ended = { kind: "ended", outcome: "lost", until: Math.min(believed, machineTime()) };
    }
  });
  // After the release, so that the next piece of work finds this model free.
  if (ended !== undefined) main.send(ended);
}
