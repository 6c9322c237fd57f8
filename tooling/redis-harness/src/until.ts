import { setTimeout as sleep } from "node:timers/promises";

const WITHIN_MS = 30_000;

/** Polls until the question is answered with true; what keeps a server from answering counts as no. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WITHIN_MS;
  let reason: unknown;
  for (;;) {
    try {
      if (await isSo()) return;
      reason = undefined;
    } catch (error) {
      reason = error;
    }
    if (performance.now() > deadline)
      throw new Error(`not within ${WITHIN_MS} ms: ${what}`, { cause: reason });
    await sleep(20);
  }
}
