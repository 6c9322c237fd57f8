import { colours, type DemoRedis, print, printProse } from "@lock/demo-kit";
import type { Options } from "./options.ts";

const CODE = "await memory.withTurn(async () => { /* load, think, save */ });";

/** What is about to happen, before it does. */
export function printStory({ lock, turns, sessions, serve }: Options): void {
  const how = lock ? colours.green("with the lock") : colours.red("WITHOUT the lock");
  const what = serve ? "turn after turn" : `${turns} turns`;
  const where = sessions === 1 ? "one conversation" : `${sessions} conversations`;
  print(`\n${colours.bold(`Three agents, ${where}, ${what}, ${how}`)}\n`);
  printProse(`An agent loads the conversation, streams an answer word by word, and saves question and answer.
It sums up a conversation that gets long. One agent is paused in the middle of an answer${lock ? ", for longer than its lease lasts" : ""}.
Then it goes on as if nothing had happened.\n`);
  if (lock) print(colours.dim(`  ${CODE}\n`));
}

export function printRedis({ description }: DemoRedis): void {
  print(`Redis:  ${description}\n`);
}
