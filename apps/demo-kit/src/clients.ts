import { createLocks, type Locks, type LocksWithoutPermits } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";

/** Locks over a client that was opened for them. */
export interface OpenLocks<Kind extends LocksWithoutPermits = Locks> extends AsyncDisposable {
  readonly locks: Kind;
}

/** As `createLocks` takes them. */
export interface Who {
  readonly prefix: string;
  readonly holder: string;
}

export function openLocks(url: string, who: Who): OpenLocks {
  const client = openClient(url);
  return closing(createLocks({ backend: ioredisBackend(client), ...who }), () => client.disconnect());
}

/** The locks first: they release what is held. The clients stay ours to close. */
export function closing<Kind extends LocksWithoutPermits>(
  locks: Kind,
  closeClients: () => void,
): OpenLocks<Kind> {
  return {
    locks,
    [Symbol.asyncDispose]: async () => {
      await locks.close();
      closeClients();
    },
  };
}

export function openClient(url: string): Redis {
  const client = new Redis(url);
  // It connects again by itself, and who uses it is told of what fails in between.
  client.on("error", () => undefined);
  return client;
}

/** Removes what a run of a demo has left in a Redis that others use as well. */
export async function removeKeys(
  client: Redis,
  prefix: string,
  isToGo: (key: string) => boolean = () => true,
): Promise<void> {
  for await (const batch of client.scanStream({ match: `${prefix}:*`, count: 500 })) {
    const keys = (batch as string[]).filter(isToGo);
    if (keys.length > 0) await client.unlink(...keys);
  }
}
