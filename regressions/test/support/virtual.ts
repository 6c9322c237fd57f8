import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { FakeClock, FaultyBackend } from "@lock/core/testing";

/** Locks whose time stands still until a test moves it, and others on the same backend. */
export function virtual() {
  const clock = new FakeClock();
  const inner = inProcessBackend({ clock });
  const backend = new FaultyBackend(inner);
  return { clock, backend, locks: createLocks({ backend }), others: createLocks({ backend: inner }) };
}
