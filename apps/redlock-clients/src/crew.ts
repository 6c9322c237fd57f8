import { Worker } from "@lock/demo-kit";
import { type Entry, type FromClient, nameOf, type Task, type ToClient } from "./messages.ts";

/** The client processes. */
export class Crew implements AsyncDisposable {
  readonly #workers: Worker<ToClient, FromClient>[] = [];
  readonly #ready: Promise<void>[];
  readonly #done: Promise<void>[] = [];

  constructor(
    tasks: readonly Task[],
    private readonly env: Readonly<Record<string, string>>,
    private readonly hear: (client: number, entry: Entry) => void,
  ) {
    this.#ready = tasks.map((task) => this.#start(task));
  }

  /** Resolves when all are connected to all nodes. */
  async ready(): Promise<void> {
    await Promise.all(this.#ready);
  }

  /** Lets all begin. Resolves when they have nothing more to do. */
  async work(): Promise<void> {
    for (const worker of this.#workers) worker.send({ kind: "go" });
    await Promise.race([Promise.all(this.#done), this.ended()]);
  }

  /** Resolves when all processes have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#workers.map(({ finished }) => finished));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
  }

  #start(task: Task): Promise<void> {
    let done: () => void = () => undefined;
    this.#done.push(
      new Promise((resolve) => {
        done = resolve;
      }),
    );
    return new Promise((resolve, reject) => {
      const worker = new Worker<ToClient, FromClient>({
        name: nameOf(task.client),
        script: new URL("../dist/client.js", import.meta.url),
        argument: task,
        env: this.env,
        onMessage: (message) => {
          if (message.kind === "ready") resolve();
          else if (message.kind === "done") done();
          else this.hear(message.client, message.entry);
        },
      });
      this.#workers.push(worker);
      worker.finished.catch(reject);
    });
  }
}
