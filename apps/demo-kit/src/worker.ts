import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { DemoError } from "./errors.ts";
import { isFault } from "./fault.ts";
import { colours, print, printable } from "./terminal.ts";

export interface WorkerOptions<FromWorker> {
  /** How its output and its failure are announced. */
  readonly name: string;
  /** Its built file, such as `new URL("../dist/writer.js", import.meta.url)`. */
  readonly script: URL;
  /** Visible to every user of the machine: nothing secret. */
  readonly argument: unknown;
  /** On top of our own environment; secrets go here. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onMessage: (message: FromWorker) => void;
}

/** A process of a demo. Ends when it is disposed of, and also when this process ends. */
export class Worker<ToWorker, FromWorker> implements AsyncDisposable {
  /** Rejects when it ends in any other way than with exit code 0. */
  readonly finished: Promise<void>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  constructor({ name, script, argument, env, onMessage }: WorkerOptions<FromWorker>) {
    const child = fork(fileURLToPath(script), [JSON.stringify(argument)], {
      execArgv: [],
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#child = child;
    // Both ends of the channel are ours, with the same types.
    let fault: string | undefined;
    child.on("message", (message) => {
      if (isFault(message)) fault = message.demoError;
      else onMessage(message as FromWorker);
    });
    announce(name, child.stdout);
    announce(name, child.stderr);
    this.#exited = new Promise((resolve) => {
      child.once("close", () => resolve());
      child.once("error", () => resolve());
    });
    this.finished = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        if (code === 0) resolve();
        else
          reject(
            new DemoError(fault ?? `${name} ended ${signal ? `by ${signal}` : `with exit code ${code}`}`),
          );
      });
    });
    // Whoever waits for it hears of a failure; being ended early is none.
    this.finished.catch(() => undefined);
  }

  send(message: ToWorker & object): void {
    // A worker that has just ended is told by `finished`.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode, pid } = this.#child;
    if (exitCode === null && signalCode === null && pid !== undefined) {
      this.#child.kill("SIGTERM");
      const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_GRACE_MS);
      await this.#exited;
      clearTimeout(timer);
    }
  }
}

const STOP_GRACE_MS = 1_500;

/** Prints what a process says, each line under its name. */
function announce(name: string, output: Readable | null): void {
  if (output === null) return;
  createInterface({ input: output }).on("line", (line) =>
    print(`${colours.dim(`${name} │`)} ${printable(line)}`),
  );
}
