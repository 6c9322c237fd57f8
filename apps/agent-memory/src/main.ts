import { demoRedis, prefixOfRun, runDemo } from "@lock/demo-kit";
import { openClient, removeKeys } from "@lock/demo-kit/clients";
import { HELP, type Options, readOptions } from "./options.ts";
import { rush } from "./rush.ts";
import { serve } from "./serve.ts";
import { printRedis, printStory } from "./story.ts";

await runDemo(readOptions, HELP, demo);

async function demo(options: Options, stop: AbortSignal): Promise<number> {
  await using redis = await demoRedis();
  stop.throwIfAborted();
  printStory(options);
  printRedis(redis);
  const prefix = prefixOfRun("agent-memory");
  const client = openClient(redis.url);
  try {
    const setting = { prefix, env: redis.env, client };
    return await (options.serve ? serve(options, setting, stop) : rush(options, setting, stop));
  } finally {
    if (!redis.startedHere) await removeKeys(client, prefix);
    client.disconnect();
  }
}
