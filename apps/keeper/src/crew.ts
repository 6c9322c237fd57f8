import { DemoError, libraryOf, Worker } from "@lock/demo-kit";
import { type FromKeeper, nameOf, type Task, type ToKeeper, type Told } from "./messages.ts";
import type { Network } from "./network.ts";

type Keeper = Worker<ToKeeper, FromKeeper>;

/** The keeper processes. */
export class Crew implements AsyncDisposable {
  /** Rejects when one ends that was not killed. */
  readonly failed: Promise<never>;
  readonly #workers = new Map<number, Keeper>();
  readonly #pids = new Map<number, number>();
  #fail: (error: unknown) => void = () => undefined;

  constructor(
    private readonly network: Network,
    private readonly schedule: Pick<Task, "epoch" | "every">,
    private readonly hear: (told: Told) => void,
  ) {
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined);
  }

  /** Resolves when it is connected to all nodes. */
  start(keeper: number): Promise<void> {
    return new Promise((resolve) => {
      const worker: Keeper = new Worker<ToKeeper, FromKeeper>({
        name: nameOf(keeper),
        script: new URL("../dist/keeper-process.js", import.meta.url),
        argument: { keeper, library: libraryOf(keeper), ...this.schedule } satisfies Task,
        env: this.network.env(keeper),
        onMessage: (message) => {
          if (message.kind !== "ready") return this.#hear(keeper, worker, message);
          this.#pids.set(keeper, message.pid);
          resolve();
        },
      });
      this.#workers.set(keeper, worker);
      const ended = () => new DemoError(`${nameOf(keeper)} ended too early`);
      worker.finished
        .catch((error: unknown) => error)
        .then((error) => this.#workers.get(keeper) === worker && this.#fail(error ?? ended()));
    });
  }

  send(keeper: number, message: ToKeeper): void {
    this.#workers.get(keeper)?.send(message);
  }

  /** SIGKILL; what it had sent before and was not heard yet is of no interest any more. */
  kill(keeper: number): void {
    this.#workers.delete(keeper);
    this.signal(keeper, "SIGKILL");
    this.#pids.delete(keeper);
  }

  signal(keeper: number, signal: NodeJS.Signals): void {
    const pid = this.#pids.get(keeper);
    try {
      if (pid !== undefined) process.kill(pid, signal);
    } catch {
      // It has ended already, which `failed` tells.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workers = [...this.#workers];
    this.#workers.clear();
    // One that is paused could not even hear that it is to end.
    for (const [keeper] of workers) this.signal(keeper, "SIGCONT");
    await Promise.all(workers.map(([, worker]) => worker[Symbol.asyncDispose]()));
  }

  #hear(keeper: number, worker: Keeper, told: Told): void {
    if (this.#workers.get(keeper) === worker) this.hear(told);
  }
}
