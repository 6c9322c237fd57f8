import { setTimeout as sleep } from "node:timers/promises";
import { redisUrlOfParent, runWorker } from "@lock/demo-kit";
import { openLocks } from "@lock/demo-kit/clients";
import { openQueue } from "./connections.ts";
import { openGuards } from "./guards.ts";
import type { FromProducer, ProducerTask, ToProcess } from "./messages.ts";
import { requestsOf } from "./plan.ts";

/** A run that fails is tried again; one that stalls costs no attempt. */
const OPTIONS = { attempts: 5 };

// One service that asks for reports; crew.ts starts two.
await runWorker<ToProcess, FromProducer>(async (main) => {
  // crew.ts wrote it, with the same type.
  const { queue: name, prefix, guarded } = main.argument as ProducerTask;
  const url = redisUrlOfParent();
  await using opened = openLocks(url, { prefix, holder: name });
  await using target = openQueue(name, url, prefix);
  const { queue } = target;
  const { once } = openGuards(opened.locks);
  const ask = async (report: string): Promise<boolean> => {
    if (guarded) return (await once.add(queue, "build", { report }, OPTIONS)).added;
    await queue.add("build", { report }, OPTIONS);
    return true;
  };
  await queue.waitUntilReady();
  main.send({ kind: "ready" });
  await main.next();
  const start = performance.now();
  const asked: Promise<void>[] = [];
  for (const { at, report } of requestsOf(name)) {
    await sleep(Math.max(0, start + at - performance.now()), undefined, { signal: main.stop });
    // As requests of many users: none waits for the answer to another.
    const told = ask(report).then((added) => main.send({ kind: "asked", told: { report, added } }));
    // Awaited below; it may fail before that.
    told.catch(() => undefined);
    asked.push(told);
  }
  await Promise.all(asked);
});
