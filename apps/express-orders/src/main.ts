import { demoRedis, orStop, prefixOfRun, runDemo } from "@lock/demo-kit";
import { Instances } from "./instances.ts";
import { newLedger } from "./ledger.ts";
import { INSTANCES, type Task } from "./messages.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { rush } from "./rush.ts";
import { printAttempt, serve } from "./serve.ts";
import { printPlaces, printRedis, printStory } from "./story.ts";

await runDemo(readOptions, HELP, demo);

async function demo(options: Options, stop: AbortSignal): Promise<number> {
  // Only the lock needs a Redis.
  await using redis = options.lock ? await demoRedis() : undefined;
  stop.throwIfAborted();
  await using ledger = await newLedger(options.keep);
  printStory(options, ledger.path);
  if (redis !== undefined) printRedis(redis);
  const tasks = tasksFor(options, ledger.path);
  const onAttempt = options.serve ? printAttempt : () => undefined;
  await using instances = new Instances(tasks, redis?.env ?? {}, onAttempt);
  const places = await orStop(instances.during(instances.open()), stop);
  printPlaces(places, options.serve ? "/" : "");
  // Awaited here: what is returned is not waited for before the instances are ended.
  if (options.serve) return await serve(options, instances, ledger, stop);
  return await rush(options, instances, places, ledger, stop);
}

function tasksFor({ lock, port }: Options, ledger: string): Task[] {
  const prefix = lock ? prefixOfRun("express-orders") : undefined;
  return INSTANCES.map((instance, index) => {
    return { instance, port: port && port + index, ledger, prefix };
  });
}
