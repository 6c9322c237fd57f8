import { DemoError, Worker } from "@lock/demo-kit";
import type { Board } from "./board.ts";
import { FATEFUL_BUILD, Fates, SLEEPER, VICTIM } from "./fates.ts";
import {
  type FromProducer,
  type FromWorker,
  type ProducerTask,
  QUEUES,
  type ToProcess,
  WORKERS,
  type WorkerTask,
} from "./messages.ts";

interface Setting {
  readonly prefix: string;
  readonly guarded: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly board: Board;
  readonly say: (text: string) => void;
}

interface Builder {
  readonly process: Worker<ToProcess, FromWorker>;
  pid: number | undefined;
}

/** The processes: two that ask for reports, three that build them. */
export class Crew implements AsyncDisposable {
  readonly #producers: Worker<ToProcess, FromProducer>[] = [];
  readonly #builders = new Map<string, Builder>();
  readonly #ready: Promise<void>[] = [];
  readonly #fates: Fates;

  constructor(private readonly setting: Setting) {
    const { prefix, guarded, board, say } = setting;
    this.#fates = new Fates(board, {
      signal: (name, signal) => this.#signal(name, signal),
      go: (name) => this.#builders.get(name)?.process.send({ kind: "go" }),
      say,
    });
    for (const queue of QUEUES) this.#ready.push(this.#startProducer({ prefix, guarded, queue }));
    for (const worker of WORKERS) {
      const fatefulBuild = worker === VICTIM || worker === SLEEPER ? FATEFUL_BUILD : undefined;
      this.#ready.push(this.#startBuilder({ prefix, guarded, worker, fatefulBuild }));
    }
  }

  /** Resolves when all are ready. */
  async ready(): Promise<void> {
    await Promise.all(this.#ready);
  }

  /** Resolves when all requests are answered, one worker is dead, and the run that was paused is over. */
  async work(): Promise<void> {
    for (const producer of this.#producers) producer.send({ kind: "go" });
    const answered = this.#producers.map(({ finished }) => finished);
    // What else it may have died of, `during` tells.
    const dead = this.#builders.get(VICTIM)?.process.finished.catch(() => undefined);
    await this.during(Promise.all([dead, this.#fates.staleRunOver, ...answered]));
  }

  /** Settles as `work` does, but rejects as soon as a worker ends that was not killed. */
  async during<T>(work: Promise<T>): Promise<T> {
    const ends = [...this.#builders].map(async ([name, { process }]): Promise<never> => {
      try {
        await process.finished;
      } catch (error) {
        if (!this.#isKilled(name)) throw error;
        return new Promise<never>(() => undefined);
      }
      throw new DemoError(`${name} ended too early`);
    });
    return Promise.race([work, ...ends]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that is paused could not even hear that it is to end.
    if (!this.#isKilled(SLEEPER)) this.#signal(SLEEPER, "SIGCONT");
    const builders = [...this.#builders.values()].map(({ process }) => process);
    await Promise.all([...this.#producers, ...builders].map((process) => process[Symbol.asyncDispose]()));
  }

  #startProducer(task: ProducerTask): Promise<void> {
    return new Promise((resolve, reject) => {
      const producer = new Worker<ToProcess, FromProducer>({
        name: task.queue,
        script: new URL("../dist/producer.js", import.meta.url),
        argument: task,
        env: this.setting.env,
        onMessage: (message) => {
          if (message.kind === "ready") resolve();
          else this.setting.board.ask(message.told);
        },
      });
      this.#producers.push(producer);
      producer.finished.catch(reject);
    });
  }

  #startBuilder(task: WorkerTask): Promise<void> {
    const name = task.worker;
    return new Promise((resolve, reject) => {
      const process = new Worker<ToProcess, FromWorker>({
        name,
        script: new URL("../dist/worker.js", import.meta.url),
        argument: task,
        env: this.setting.env,
        onMessage: (message) => {
          if (message.kind === "ready") {
            builder.pid = message.pid;
            resolve();
          } else this.#hear(name, message);
        },
      });
      const builder: Builder = { process, pid: undefined };
      this.#builders.set(name, builder);
      process.finished.catch(reject);
    });
  }

  #hear(name: string, message: FromWorker): void {
    const { board, say } = this.setting;
    board.hear(name, message);
    this.#fates.hear(name, message);
    if (message.kind === "failed") say(`${name} failed at ${message.report}: ${message.reason}`);
  }

  #signal(name: string, signal: NodeJS.Signals): void {
    const pid = this.#builders.get(name)?.pid;
    try {
      if (pid !== undefined) process.kill(pid, signal);
    } catch {
      // It has ended already, which `finished` tells.
    }
  }

  #isKilled(name: string): boolean {
    const { workers } = this.setting.board;
    return workers.some((worker) => worker.name === name && worker.fate === "killed");
  }
}
