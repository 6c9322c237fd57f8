import { machineTime, orStop, print, Worker } from "@lock/demo-kit";
import { Board, type Turn } from "./board.ts";
import { Merge } from "./merge.ts";
import { type FromWriter, nameOf, type Task, type ToWriter, type WriterEvent } from "./messages.ts";
import type { Rows } from "./rows.ts";

/** Starts a process for each task, lets them go at once, prints each turn as it ends; resolves at the end of all. */
export async function race(
  tasks: readonly Task[],
  rows: Rows,
  env: Readonly<Record<string, string>>,
  stop: AbortSignal,
): Promise<void> {
  await using writers = new Writers();
  const show = turnPrinter(tasks.length, rows);
  const ready = tasks.map((task, index) => writers.start(task, env, (event) => show.event(index, event)));
  await orStop(Promise.all(ready), stop);
  show.started(machineTime());
  const finished = writers.go().map((end, index) => end.then(() => show.end(index)));
  await orStop(Promise.all(finished), stop);
}

class Writers implements AsyncDisposable {
  readonly #workers: Worker<ToWriter, FromWriter>[] = [];

  /** Resolves when the writer is ready to write. */
  start(
    task: Task,
    env: Readonly<Record<string, string>>,
    onEvent: (event: WriterEvent) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker = new Worker<ToWriter, FromWriter>({
        name: nameOf(task.writer),
        script: new URL("../dist/writer.js", import.meta.url),
        argument: task,
        env,
        onMessage: (message) => (message.kind === "ready" ? resolve() : onEvent(message)),
      });
      this.#workers.push(worker);
      worker.finished.catch(reject);
    });
  }

  /** The start signal; each promise resolves when that writer has finished. */
  go(): Promise<void>[] {
    for (const worker of this.#workers) worker.send({ kind: "go" });
    return this.#workers.map((worker) => worker.finished);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
  }
}

function turnPrinter(writers: number, rows: Rows) {
  const merge = new Merge<WriterEvent>(writers);
  const board = new Board(writers);
  const written = new Set<number>();
  let start = 0;
  const printTurn = (turn: Turn) => {
    print(rows.row(turn, start, written.has(turn.line)));
    written.add(turn.line);
  };
  const show = (events: readonly WriterEvent[]) => {
    for (const event of events) board.apply(event).forEach(printTurn);
  };
  return {
    started: (time: number) => {
      start = time;
    },
    event: (source: number, event: WriterEvent) => show(merge.push(source, event)),
    end: (source: number) => show(merge.end(source)),
  };
}
