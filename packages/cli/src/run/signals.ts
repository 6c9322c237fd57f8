import { constants } from "node:os";
import { codeOfSignal } from "../exit-codes.ts";

const HEARD = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;
/** What ends a process that does not listen. */
const ENDING: readonly NodeJS.Signals[] = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"];

/** The signals that `lock run` gets: while it waits they end it; later they are for the command. */
export class Signals {
  readonly #abort = new AbortController();
  readonly #listeners = new Map<NodeJS.Signals, () => void>();
  #forward: ((signal: NodeJS.Signals) => void) | undefined;
  #ended: NodeJS.Signals | undefined;
  readonly #got = new Set<NodeJS.Signals>();

  constructor() {
    for (const signal of HEARD) {
      const listener = () => this.#hear(signal);
      this.#listeners.set(signal, listener);
      process.on(signal, listener);
    }
  }

  /** Aborts when a signal ends the wait. */
  get stop(): AbortSignal {
    return this.#abort.signal;
  }

  /** The exit code that such a signal stands for; undefined where there was none. */
  get exitCode(): number | undefined {
    return this.#ended && codeOfSignal(this.#ended, constants.signals);
  }

  got(signal: NodeJS.Signals): boolean {
    return this.#got.has(signal);
  }

  forwardTo(forward: (signal: NodeJS.Signals) => void): void {
    this.#forward = forward;
  }

  close(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #hear(signal: NodeJS.Signals): void {
    this.#got.add(signal);
    if (this.#forward !== undefined) this.#forward(signal);
    else if (ENDING.includes(signal)) {
      this.#ended = signal;
      this.#abort.abort(new Error(`ended by ${signal}`));
    }
  }
}
