import { type Host, useHost } from "@lock/core/testing";
import { type ClockRate, SimulatedProcess } from "./process.ts";
import { Random } from "./random.ts";
import { Timeline } from "./timeline.ts";

/** A warning that a process gave. */
export interface Warning {
  readonly process: string;
  readonly text: string;
}

/** Several processes in one, on one timeline: what each of them does is decided by the seed. */
export class World {
  readonly timeline = new Timeline();
  readonly random: Random;
  readonly warnings: Warning[] = [];
  readonly processes: SimulatedProcess[] = [];
  readonly #host: Host = {
    random: () => (this.#running?.random ?? this.random).fraction(),
    fill: (bytes) => (this.#running?.random ?? this.random).fill(bytes),
    warn: (warning) => {
      this.warnings.push({ process: this.#running?.name ?? "", text: String(warning) });
    },
  };
  #turn: Iterator<() => void> | undefined;
  #running: SimulatedProcess | undefined;

  constructor(readonly seed: number) {
    this.random = new Random(seed);
  }

  addProcess(name: string, rate: ClockRate): SimulatedProcess {
    const random = this.stream(100 + this.processes.length);
    const wake = (process: SimulatedProcess) => {
      this.#turn = process.turn();
      this.#running = process;
    };
    const process = new SimulatedProcess(name, random, this.timeline, wake, rate);
    this.processes.push(process);
    return process;
  }

  /** A stream of chance of its own. */
  stream(number: number): Random {
    return new Random(this.seed, number);
  }

  /** Runs code as part of a process. */
  within<T>(process: SimulatedProcess, work: () => T): T {
    this.#running = process;
    useHost(this.#host);
    try {
      return work();
    } finally {
      useHost();
    }
  }

  /** Lets time go on to `end`, or until nothing is left to happen. Rejects with what a callback throws. */
  async run(end: number): Promise<void> {
    useHost(this.#host);
    try {
      await new Promise<void>((resolve, reject) => {
        const step = () => {
          try {
            if (this.#step(end)) settled(step);
            else resolve();
          } catch (error) {
            reject(error);
          }
        };
        settled(step);
      });
    } finally {
      useHost();
    }
  }

  /** One callback of the turn that runs, or else what happens next. */
  #step(end: number): boolean {
    const next = this.#turn?.next();
    if (next !== undefined && !next.done) {
      if (!this.#running?.isDead) next.value();
      return true;
    }
    this.#turn = undefined;
    this.#running = undefined;
    return this.timeline.next(end);
  }
}

/** Calls back when all promise reactions have run, as after each callback of Node's loop. */
function settled(step: () => void): void {
  queueMicrotask(() => process.nextTick(step));
}
