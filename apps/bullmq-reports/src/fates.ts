import type { Board } from "./board.ts";
import type { FromWorker, Write } from "./messages.ts";

/** The worker that is killed, and the one that is paused. */
export const VICTIM = "worker-2";
export const SLEEPER = "worker-3";
/** Which of their builds they do not come to the end of: not the first, so that all have begun to work. */
export const FATEFUL_BUILD = 2;

export interface Powers {
  signal(worker: string, signal: NodeJS.Signals): void;
  /** Lets a worker go on with its fateful build. */
  go(worker: string): void;
  say(text: string): void;
}

type Middle = Extract<FromWorker, { kind: "middle" }>;

/** Kills one worker and pauses another one, each in the middle of a report, and wakes that one when it is too late. */
export class Fates {
  #stale: Middle | undefined;
  #isAwake = false;
  #resolve: () => void = () => undefined;
  /** Resolves when the run that was paused is over. */
  readonly staleRunOver = new Promise<void>((resolve) => {
    this.#resolve = resolve;
  });

  constructor(
    private readonly board: Board,
    private readonly powers: Powers,
  ) {}

  hear(worker: string, message: FromWorker): void {
    if (message.kind === "middle") this.#strike(worker, message);
    else if (message.kind === "wrote") this.#hearWrite(message.write);
    else if (message.kind === "over" && this.#isAwake && message.run === this.#stale?.run) this.#resolve();
  }

  #strike(worker: string, middle: Middle): void {
    if (worker === VICTIM) {
      this.powers.signal(worker, "SIGKILL");
      this.board.meetFate(worker, "killed");
      this.powers.say(`${worker} is killed (SIGKILL) in the middle of ${middle.report}`);
    } else if (worker === SLEEPER) {
      this.#stale = middle;
      this.powers.signal(worker, "SIGSTOP");
      this.board.meetFate(worker, "paused");
      this.powers.say(`${worker} is paused (SIGSTOP) in the middle of ${middle.report}`);
    }
  }

  #hearWrite({ worker, report, job, run, step, outcome, fence }: Write): void {
    if (this.#stale?.job !== job) return;
    // It has slept long enough when BullMQ has given its job to somebody else, who has begun.
    if (worker !== SLEEPER && step === "1" && !this.#isAwake) {
      this.#isAwake = true;
      this.board.meetFate(SLEEPER, undefined);
      this.powers.say(`BullMQ gives ${report} to ${worker}; ${SLEEPER} wakes up (SIGCONT)`);
      this.powers.signal(SLEEPER, "SIGCONT");
      this.powers.go(SLEEPER);
    } else if (this.#isAwake && run === this.#stale.run && step === "2") {
      const token = fence === undefined ? "no fencing token" : `fence ${fence}`;
      this.powers.say(`${worker} writes step 2 of ${report}, ${token}: ${outcome}`);
    }
  }
}
