import { randomBytes } from "node:crypto";
import { demoRedis, print, runDemo } from "@lock/demo-kit";
import { openClient, removeKeys } from "@lock/demo-kit/clients";
import { HELP, type Options, readOptions } from "./options.ts";
import { rush } from "./rush.ts";
import { serve } from "./serve.ts";
import { printRedis, printStory } from "./story.ts";

await runDemo(async (stop) => {
  const options = readOptions(process.argv.slice(2));
  if (!options.help) return demo(options, stop);
  print(HELP);
  return 0;
});

async function demo(options: Options, stop: AbortSignal): Promise<number> {
  await using redis = await demoRedis();
  stop.throwIfAborted();
  printStory(options);
  printRedis(redis);
  const prefix = `agent-memory-${randomBytes(4).toString("hex")}`;
  const client = openClient(redis.url);
  try {
    const setting = { prefix, env: redis.env, client };
    return await (options.serve ? serve(options, setting, stop) : rush(options, setting, stop));
  } finally {
    if (!redis.startedHere) await removeKeys(client, prefix);
    client.disconnect();
  }
}
