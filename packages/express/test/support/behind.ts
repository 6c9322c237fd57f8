import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Gate } from "@lock/redis-harness/vitest";
import type { Response } from "express";
import { type IdempotentOptions, inProcessRecords } from "../../src/idempotent.ts";
import { send } from "./client.ts";
import type { LocksScene } from "./locks.ts";

/** A handler that starts, is let to finish, and what works behind it. */
interface Story {
  readonly started: Gate<Response>;
  readonly finish: Gate;
  readonly working: Gate;
}

/** What tests ask of the locks behind an app. */
export function behind(scene: LocksScene) {
  const roundTrips = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await scene.redis.ping();
  };
  /** Has the client leave, and waits until the server has noticed, and what is released at once is. */
  const leave = async (res: Response, request: { leave(): void }): Promise<void> => {
    const closed = once(res, "close");
    request.leave();
    await closed;
    await roundTrips();
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
    leave,
    /**
     * A client leaves while its handler works, then the handler finishes; resolves when the work behind it has begun, and
     * what is released by then is free: a hold looks at some promises, every 50 ms.
     */
    async finishForLeaver(url: string, { started, finish, working }: Story): Promise<void> {
      const request = send(url);
      await leave(await started.opened, request);
      finish.open();
      await working.opened;
      await sleep(150);
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
