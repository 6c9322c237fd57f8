import { colours, count, paintOf, print, printable, printProse } from "@lock/demo-kit";
import { nameOf, type Task } from "./messages.ts";
import type { Options } from "./options.ts";

const CODE = {
  acquire: "locks.acquire(key), and lease.release() in a finally",
  using: "locks.using(key, async (lease) => { … })",
} as const;

/** What is about to happen, before it does. */
export function printStory({ lock, writers, turns }: Options, file: string, tasks: readonly Task[]): void {
  const how = lock ? colours.green("with the lock") : colours.red("WITHOUT the lock");
  const processes = `${writers} ${writers === 1 ? "process" : "processes"}`;
  print(`\n${colours.bold(`${processes}, one shared file, ${how}`)}\n`);
  printProse(`Each process takes ${count(turns, "turn")}. In a turn, it reads the number of the last line,
thinks for 2 to 12 ms, and appends a line with the next number.\n`);
  for (const { writer, lock: use } of tasks) {
    if (use)
      print(`  ${paintOf(writer)(nameOf(writer).padEnd(9))}  ${use.client.padEnd(10)}  ${CODE[use.style]}`);
  }
  print(`${lock ? "\n" : ""}File:  ${printable(file)}, removed at the end`);
}
