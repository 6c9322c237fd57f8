import type { Redis } from "ioredis5";

/** What clients ask a server, as MONITOR tells it; not what scripts call inside. */
export interface Watch extends AsyncDisposable {
  readonly seen: readonly (readonly string[])[];
  /** Resolves when so many commands that name the key were seen from now on. */
  times(key: string, count: number): Promise<void>;
}

export async function watch(control: Redis): Promise<Watch> {
  // ioredis takes a line that comes too early for an answer: nothing may be under way, its own ready check included.
  await control.ping();
  const monitor = await control.monitor();
  const seen: string[][] = [];
  const listeners = new Set<(command: readonly string[]) => void>();
  monitor.on("monitor", (_time: string, command: string[], source: string) => {
    if (source === "lua") return;
    seen.push(command);
    for (const listener of listeners) listener(command);
  });
  return {
    seen,
    times: (key, count) =>
      new Promise((resolve) => {
        let left = count;
        const listener = (command: readonly string[]) => {
          if (!command.some((word) => word.includes(key)) || --left > 0) return;
          listeners.delete(listener);
          resolve();
        };
        listeners.add(listener);
      }),
    [Symbol.asyncDispose]: async () => monitor.disconnect(),
  };
}
