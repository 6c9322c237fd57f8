import type { Lockable } from "../api/lockable.ts";
import type { Locks } from "../api/locks-api.ts";
import type { Lease } from "../lease/lease.ts";
import type { AcquireOptions } from "../lease/options.ts";

/** Locks whose keys are locked by something else that admits one at a time, to run the mutex suite on it. */
export function mutexOf(locks: Locks, lockableOf: (locks: Locks, key: string) => Lockable): Locks {
  const of = (key: string | readonly string[]) => {
    if (typeof key !== "string") throw new TypeError("the mutex suite locks one key at a time");
    return lockableOf(locks, key);
  };
  type Work<T> = (lease: Lease) => T | Promise<T>;
  return {
    acquire: (key, options) => of(key).acquire(options),
    tryAcquire: (key, options) => of(key).tryAcquire(options),
    using: <T>(key: string | readonly string[], ...rest: [Work<T>] | [AcquireOptions, Work<T>]) =>
      rest.length === 1 ? of(key).using(...rest) : of(key).using(...rest),
    readWrite: (key) => locks.readWrite(key),
    semaphore: (key, options) => locks.semaphore(key, options),
    pool: (name, options) => locks.pool(name, options),
    inspect: (key) => locks.inspect(key),
    list: (options) => locks.list(options),
    forceRelease: (key, options) => locks.forceRelease(key, options),
    adopt: (ticket) => locks.adopt(ticket),
    on: (event, listener) => locks.on(event, listener),
    close: () => locks.close(),
  };
}
