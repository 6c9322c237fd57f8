import { setTimeout as sleep } from "node:timers/promises";
import { codeOfSignal, EXIT } from "../exit-codes.ts";

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Rounds at an interval, until they are enough or a signal ends them. */
export class Repeat implements Disposable {
  readonly #stop = new AbortController();
  readonly #listeners = ENDING.map((signal) => [signal, () => this.#end(signal)] as const);
  #exitCode: number | undefined;

  constructor(private readonly interval: number) {
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  /** Of a signal that has ended it; Ctrl-C is how people do. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** The number of each round, from 1; the last one begins before `duration` ms are over. */
  async *rounds(duration = Number.POSITIVE_INFINITY): AsyncIterable<number> {
    const begun = performance.now();
    for (let round = 1; !this.#stop.signal.aborted; round++) {
      const due = begun + round * this.interval;
      yield round;
      const now = performance.now();
      if (Math.max(due, now) - begun >= duration) return;
      await sleep(Math.max(0, due - now), undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #end(signal: NodeJS.Signals): void {
    this.#exitCode = signal === "SIGINT" ? EXIT.ok : codeOfSignal(signal);
    this.#stop.abort();
  }
}
