import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";

/** Locks over a client that was opened for them. */
export interface OpenLocks extends AsyncDisposable {
  readonly locks: Locks;
}

export function openLocks(url: string, who: { readonly prefix: string; readonly holder: string }): OpenLocks {
  const client = new Redis(url);
  // It connects again by itself, and what fails in between is told by the locks.
  client.on("error", () => undefined);
  const locks = createLocks({ backend: ioredisBackend(client), ...who });
  return {
    locks,
    // The locks first: they release what is held. The client stays ours to close.
    [Symbol.asyncDispose]: async () => {
      await locks.close();
      client.disconnect();
    },
  };
}
