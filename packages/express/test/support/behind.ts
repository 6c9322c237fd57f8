import { once } from "node:events";
import type { Response } from "express";
import { type IdempotentOptions, inProcessRecords } from "../../src/idempotent.ts";
import type { LocksScene } from "./locks.ts";

/** What tests ask of the locks behind an app. */
export function behind(scene: LocksScene) {
  const roundTrips = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await scene.redis.ping();
  };
  return {
    /** Whether nobody holds the key. */
    isFree: async (key: string): Promise<boolean> => (await scene.rivals.inspect(key)) === null,
    /** How many keys are held. */
    async held(): Promise<number> {
      let count = 0;
      for await (const _ of scene.rivals.list()) count += 1;
      return count;
    },
    /** What is released by now has reached the server when it resolves. */
    roundTrips,
    /** Has the client leave, and waits until the server has noticed, and what is released at once is. */
    async leave(res: Response, request: { leave(): void }): Promise<void> {
      const closed = once(res, "close");
      request.leave();
      await closed;
      await roundTrips();
    },
    idempotency: (tenant: string, more: Partial<IdempotentOptions> = {}): IdempotentOptions => ({
      locks: scene.locks,
      records: inProcessRecords(),
      tenant: () => tenant,
      ...more,
    }),
  };
}
