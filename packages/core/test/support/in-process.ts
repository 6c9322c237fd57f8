import { inProcessBackend } from "../../src/in-process.ts";
import { createLocks, type Locks, type LocksOptions } from "../../src/index.ts";
import { FakeClock, FaultyBackend } from "../../src/testing.ts";

/** Two that lock in one process, on a clock that stands still; between the first and its backend faults can be planted. */
export interface InProcess {
  readonly clock: FakeClock;
  readonly backend: FaultyBackend;
  readonly locks: Locks;
  readonly rivals: Locks;
}

export function openInProcess(names: { ours?: string; theirs?: string } = {}): InProcess {
  const clock = new FakeClock();
  const real = inProcessBackend({ clock });
  const backend = new FaultyBackend(real);
  const named = (holder?: string): Partial<LocksOptions> => (holder === undefined ? {} : { holder });
  const locks = createLocks({ backend, ...named(names.ours) });
  const rivals = createLocks({ backend: real, ...named(names.theirs) });
  return { clock, backend, locks, rivals };
}
