import { setTimeout as sleep } from "node:timers/promises";
import type { Parent } from "@lock/demo-kit";
import { buildReport } from "./build.ts";
import type { FromWorker, ReportJob, Step, ToProcess, WorkerTask } from "./messages.ts";
import { OvertakenError, type Run, type Store } from "./store.ts";

type Main = Parent<ToProcess, FromWorker>;

/** Builds reports, tells of each write, and stops in the middle of the fateful one. */
export class Builder {
  #builds = 0;

  constructor(
    private readonly task: WorkerTask,
    private readonly store: Store,
    private readonly main: Main,
  ) {}

  async build(job: ReportJob, signal: AbortSignal | undefined, fence: number | undefined): Promise<void> {
    const { worker, fatefulBuild } = this.task;
    const build = ++this.#builds;
    const { report } = job.data;
    const run: Run = {
      report,
      queue: job.queueName,
      // Two queues may have jobs of the same id.
      job: `${job.queueName}/${job.id}`,
      worker,
      run: `${worker}/${build}`,
      fence,
    };
    const tell = (step: Step, outcome: "accepted" | "refused") => {
      this.main.send({ kind: "wrote", write: { ...run, fence, step, outcome } });
    };
    let next: Step = "begin";
    const work = (step: Step) => {
      next = step;
      const isFateful = build === fatefulBuild && step === "2";
      return isFateful ? this.#meetFate(run) : think(signal);
    };
    try {
      await buildReport(run, { store: this.store, work, wrote: (step) => tell(step, "accepted") });
    } catch (error) {
      if (error instanceof OvertakenError) tell(next, "refused");
      throw error;
    } finally {
      this.main.send({ kind: "over", run: run.run });
    }
  }

  /**
   * What a careless program does: it sleeps, for whatever reason, and then writes without a look at the signal, which
   * has told it long since that its lease is lost. Nothing but the fencing token keeps that write out.
   */
  async #meetFate({ report, job, run }: Run): Promise<void> {
    const awake = this.main.next();
    this.main.send({ kind: "middle", report, job, run });
    await awake;
  }
}

/** The work of a step: 25 to 75 ms, and it ends as soon as the lease is lost. */
async function think(signal: AbortSignal | undefined): Promise<void> {
  await sleep(25 + Math.random() * 50, undefined, { signal });
}
