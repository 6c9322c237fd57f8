import { colours, type DemoRedis, print } from "@lock/demo-kit";
import type { Options } from "./options.ts";

const CODE = "await memory.withTurn(async () => { /* load, think, save */ });";

/** What is about to happen, before it does. */
export function printStory({ lock, turns, sessions, serve }: Options): void {
  const how = lock ? colours.green("with the lock") : colours.red("WITHOUT the lock");
  const what = serve ? "turn after turn" : `${turns} turns`;
  const where = sessions === 1 ? "one conversation" : `${sessions} conversations`;
  print(`\n${colours.bold(`Three agents, ${where}, ${what}, ${how}`)}\n`);
  print(
    "An agent loads the conversation, streams an answer word by word, and saves what was said and answered;",
  );
  print(
    "a conversation that gets long is summed up. One agent is paused in the middle of an answer, for longer",
  );
  print("than its lease, and then goes on as if nothing had happened.\n");
  if (lock) print(colours.dim(`  ${CODE}\n`));
}

export function printRedis({ description }: DemoRedis): void {
  print(`Redis:  ${description}\n`);
}
