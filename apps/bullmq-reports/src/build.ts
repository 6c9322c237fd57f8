import { setTimeout as sleep } from "node:timers/promises";
import type { Parent } from "@lock/demo-kit";
import {
  type FromWorker,
  type ReportJob,
  type Run,
  STEPS,
  type Step,
  type ToProcess,
  type WorkerTask,
} from "./messages.ts";
import { OvertakenError, type Store } from "./store.ts";

type Main = Parent<ToProcess, FromWorker>;

/** Builds reports, tells of each write, and stops in the middle of the fateful one. */
export class Builder {
  #builds = 0;

  constructor(
    private readonly task: WorkerTask,
    private readonly store: Store,
    private readonly main: Main,
  ) {}

  /** @throws OvertakenError when somebody else builds the report meanwhile */
  async build(job: ReportJob, signal: AbortSignal | undefined, fence: number | undefined): Promise<void> {
    const { worker, fatefulBuild } = this.task;
    const build = ++this.#builds;
    const run: Run = {
      report: job.data.report,
      queue: job.queueName,
      // Two queues may have jobs of the same id.
      job: `${job.queueName}/${job.id}`,
      worker,
      run: `${worker}/${build}`,
      fence,
    };
    const work = (step: Step) => {
      return build === fatefulBuild && step === "2" ? this.#meetFate(run) : think(signal);
    };
    try {
      await this.#writeAll(run, work);
    } finally {
      this.main.send({ kind: "over", run: run.run });
    }
  }

  async #writeAll(run: Run, work: (step: Step) => Promise<void>): Promise<void> {
    // A queue delivers at least once: a run that died between its last write and BullMQ's word of it comes again. And
    // from this write on, no earlier run can write any more.
    if ((await this.#write(run, "begin")) === "finished") return;
    for (const step of STEPS) {
      await work(step);
      await this.#write(run, step);
    }
    await this.#write(run, "finished");
  }

  async #write(run: Run, step: Step): Promise<"accepted" | "finished"> {
    try {
      const said = await this.store.write(run, step);
      this.main.send({ kind: "wrote", write: { ...run, step, outcome: "accepted" } });
      return said;
    } catch (error) {
      if (error instanceof OvertakenError) {
        this.main.send({ kind: "wrote", write: { ...run, step, outcome: "refused" } });
      }
      throw error;
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
