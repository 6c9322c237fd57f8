import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Starts one of the programs beside this file, as a process of its own that uses the built packages. */
export function start(program: "producer" | "claimer" | "worker", ...args: string[]): ChildProcess {
  const file = fileURLToPath(new URL(`./${program}.mjs`, import.meta.url));
  return fork(file, args, { execArgv: [] });
}

/** What a process says next. @throws when it ends without a word */
export async function said<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the process ended with ${code}`);
  });
  const [message] = await Promise.race([once(child, "message"), ended]);
  return message as T;
}
