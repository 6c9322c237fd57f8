import { setTimeout as sleep } from "node:timers/promises";
import { machineTime, Worker } from "@lock/demo-kit";
import { History } from "./history.ts";
import { type FromNode, type Job, nameOf, type Task, type ToNode } from "./messages.ts";
import type { Plan } from "./plan.ts";

type Environment = Readonly<Record<string, string>>;

/** How long the victim may hold its model: long enough to be seen with it. */
const KILL_AFTER_MS = 600;

interface Member {
  readonly worker: Worker<ToNode, FromNode>;
  job: Job | undefined;
  isIdle: boolean;
}

/** The node processes: hands the work of the plan out to them, and kills one. */
export class Crew implements AsyncDisposable {
  readonly history = new History();
  readonly #members = new Map<number, Member>();
  readonly #pids = new Map<number, Promise<number>>();
  readonly #over = new AbortController();
  #killing: Promise<void> = Promise.resolve();

  constructor(
    private readonly plan: Plan,
    tasks: readonly Task[],
    env: Environment,
  ) {
    for (const task of tasks) this.#pids.set(task.node, this.#start(task, env));
  }

  /** Resolves when all are ready to work. */
  async ready(): Promise<void> {
    await Promise.all(this.#pids.values());
  }

  /** Resolves when all processes have ended: the survivors since all is done, the victim since it was killed. */
  async work(): Promise<void> {
    for (const [node, member] of this.#members) this.#next(node, member);
    await Promise.all([...this.#members].map(([node, { worker }]) => this.#end(node, worker)));
    await this.#killing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await Promise.all([...this.#members.values()].map(({ worker }) => worker[Symbol.asyncDispose]()));
  }

  /** Resolves with its process id when it is ready. */
  #start(task: Task, env: Environment): Promise<number> {
    return new Promise((resolve, reject) => {
      const worker = new Worker<ToNode, FromNode>({
        name: nameOf(task.node),
        script: new URL("../dist/node.js", import.meta.url),
        argument: task,
        env,
        onMessage: (message) => {
          if (message.kind === "ready") resolve(message.pid);
          else this.#hear(task.node, message);
        },
      });
      this.#members.set(task.node, { worker, job: undefined, isIdle: false });
      worker.finished.catch(reject);
    });
  }

  #hear(node: number, event: Exclude<FromNode, { kind: "ready" }>): void {
    const member = this.#members.get(node);
    // What the victim had sent before it was killed may arrive after that, and is of no interest any more.
    if (member === undefined || this.history.death?.node === node) return;
    this.history.tell(node, event);
    const { job } = member;
    if (event.kind === "holds") {
      if (job !== undefined && this.plan.isFatal(node, job)) this.#killing = this.#kill(node);
      // work() hears of a failure.
      this.#killing.catch(() => undefined);
      return;
    }
    if (event.outcome === "lost" && job !== undefined) this.plan.again(node, job);
    this.#next(node, member);
  }

  #next(node: number, member: Member): void {
    const next = this.plan.next(node);
    member.isIdle = next === "later";
    if (next === "later") return;
    if (next === "end") {
      member.worker.send({ kind: "end" });
    } else {
      member.job = next;
      member.worker.send({ kind: "work", job: next });
    }
  }

  async #kill(node: number): Promise<void> {
    const pid = await this.#pids.get(node);
    const hold = this.history.current(node);
    await sleep(KILL_AFTER_MS, undefined, { signal: this.#over.signal }).catch(() => undefined);
    // Gone when the lease was lost, or the demo is over.
    if (pid === undefined || hold?.outcome !== "holds" || this.#over.signal.aborted) return;
    process.kill(pid, "SIGKILL");
    this.history.killed(hold, machineTime());
    this.plan.victimDied();
    const heir = this.#members.get(this.plan.heir);
    if (heir?.isIdle) this.#next(this.plan.heir, heir);
  }

  async #end(node: number, { finished }: Member["worker"]): Promise<void> {
    try {
      await finished;
    } catch (error) {
      if (this.history.death?.node !== node) throw error;
    }
  }
}
