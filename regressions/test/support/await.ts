import { once } from "node:events";
import type { Lease, Locks } from "@lock/core";

/** Asks again until the answer is yes. `expect.poll` is not for tests that run at the same time. */
export async function eventually(what: string, ask: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await ask())) {
    if (performance.now() > end) throw new Error(`not within ten seconds: ${what}`);
    await new Promise((resume) => setTimeout(resume, 10));
  }
}

export const isFree = async (locks: Locks, key: string): Promise<boolean> =>
  (await locks.inspect(key)) === null;

/** Resolves when so many wait for the key. */
export const waiting = (locks: Locks, key: string, count = 1): Promise<void> =>
  eventually(`${count} wait for ${key}`, async () => (await locks.inspect(key))?.waiting === count);

/** Resolves when the holder was told of its loss. */
export async function lost({ signal }: Lease): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

/** How a promise failed. */
export const failure = (settling: Promise<unknown>): Promise<unknown> =>
  settling.then(
    (value) => {
      throw new Error(`it did not fail, but gave ${value}`);
    },
    (error: unknown) => error,
  );
