import { STEPS, type Step } from "./messages.ts";
import type { Run, Store } from "./store.ts";

export interface BuildOptions {
  readonly store: Store;
  /** Does the work of a step, before it is written. */
  readonly work: (step: Step) => Promise<void>;
  /** Called after each write. */
  readonly wrote: (step: Step) => void;
}

/**
 * Builds a report, and writes each step with the fencing token of the run.
 * @throws OvertakenError when somebody else builds it meanwhile
 */
export async function buildReport(run: Run, { store, work, wrote }: BuildOptions): Promise<void> {
  // A queue delivers at least once: a run that died between its last write and BullMQ's word of it comes again. And
  // from this write on, no earlier run can write any more.
  const said = await store.write(run, "begin");
  wrote("begin");
  if (said === "finished") return;
  for (const step of STEPS) {
    await work(step);
    await store.write(run, step);
    wrote(step);
  }
  await store.write(run, "finished");
  wrote("finished");
}
