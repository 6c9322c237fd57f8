import { DemoError, Worker } from "@lock/demo-kit";
import { type Attempt, type FromShop, nameOf, type Place, type Task, type ToShop } from "./messages.ts";

interface Instance {
  readonly name: string;
  readonly worker: Worker<ToShop, FromShop>;
  readonly listening: Promise<Place>;
  readonly open: Promise<void>;
}

/** The processes of the shop. */
export class Instances implements AsyncDisposable {
  readonly #instances: readonly Instance[];

  constructor(
    tasks: readonly Task[],
    env: Readonly<Record<string, string>>,
    onAttempt: (attempt: Attempt) => void,
  ) {
    this.#instances = tasks.map((task) => start(task, env, onAttempt));
  }

  /** Resolves when all answer requests, and know of each other. */
  async open(): Promise<readonly Place[]> {
    const places = await Promise.all(this.#instances.map(({ listening }) => listening));
    for (const { worker } of this.#instances) worker.send({ kind: "open", places });
    await Promise.all(this.#instances.map(({ open }) => open));
    return places;
  }

  /** Settles as `work` does, but rejects as soon as an instance ends. */
  during<T>(work: Promise<T>): Promise<T> {
    const ends = this.#instances.map(async ({ name, worker }): Promise<never> => {
      await worker.finished;
      throw new DemoError(`${name} ended too early`);
    });
    return Promise.race([work, ...ends]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#instances.map(({ worker }) => worker[Symbol.asyncDispose]()));
  }
}

function start(
  task: Task,
  env: Readonly<Record<string, string>>,
  onAttempt: (attempt: Attempt) => void,
): Instance {
  const name = nameOf(task.instance);
  let isListening: (place: Place) => void = () => undefined;
  let isOpen: () => void = () => undefined;
  const listening = new Promise<Place>((resolve) => {
    isListening = resolve;
  });
  const open = new Promise<void>((resolve) => {
    isOpen = resolve;
  });
  const worker = new Worker<ToShop, FromShop>({
    name,
    script: new URL("../dist/instance.js", import.meta.url),
    argument: task,
    env,
    onMessage: (message) => {
      if (message.kind === "listening") isListening(message.place);
      else if (message.kind === "open") isOpen();
      else onAttempt(message.attempt);
    },
  });
  return { name, worker, listening, open };
}
