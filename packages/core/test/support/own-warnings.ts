import { AsyncLocalStorage } from "node:async_hooks";

/** Whose work is under way; it goes along with all timers, sockets and promises of that work. */
const current = new AsyncLocalStorage<string[]>();
const hearing = new Set<string[]>();

function hear({ message }: Error): void {
  const own = current.getStore();
  // What nobody has caused may be of anybody.
  for (const heard of hearing) if (own === undefined || own === heard) heard.push(message);
}

/**
 * Runs the work of a test, which is given the warnings of the process as they come: only its own, though other tests run at
 * the same time.
 */
export async function withOwnWarnings(work: (heard: readonly string[]) => Promise<void>): Promise<void> {
  const heard: string[] = [];
  if (hearing.size === 0) process.on("warning", hear);
  hearing.add(heard);
  try {
    await current.run(heard, () => work(heard));
  } finally {
    hearing.delete(heard);
    if (hearing.size === 0) process.off("warning", hear);
  }
}
