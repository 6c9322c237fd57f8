import type { Lease, Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";

const fenceOf = ({ fencingToken }: Lease) => fencingToken;

/** Every way to a grant that has a token of its own. */
export const WAYS: Record<string, (locks: Locks, key: string) => Promise<number>> = {
  "of a free key": (locks, key) => locks.using(key, fenceOf),
  "of a waiter": async (locks, key) => {
    const held = await locks.acquire(key);
    const waiting = locks.using(key, fenceOf);
    await eventually("a waiter", async () => ((await locks.inspect(key))?.waiting === 1 ? true : undefined));
    await held.release();
    return waiting;
  },
  "of a permit": (locks, key) => locks.semaphore(key, { permits: 2 }).using(fenceOf),
  "of a permit beside another": (locks, key) => {
    const permits = locks.semaphore(key, { permits: 2 });
    return permits.using(() => permits.using(fenceOf));
  },
  "of several keys": (locks, key) => locks.using([key, `${key} too`], fenceOf),
};
