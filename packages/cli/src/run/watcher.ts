import { createInterface } from "node:readline";
import { type Deadline, leftOf, type Terms } from "./deadline.ts";
import { askGroup, isAlive, signalGroup } from "./group.ts";

/** What `lock run` tells its watcher, one line of JSON each. */
export interface ToWatcher extends Partial<Terms> {
  readonly deadline?: Deadline;
  /** The process group of the command; null: it is gone. */
  readonly group?: number | null;
  /** The shell that controls the command as a job: it must not take the terminal when `lock run` is gone. */
  readonly shell?: number;
}

/** A suspended machine is noticed within this, ms. */
const LONGEST_PAUSE = 1_000;
const KILL_PAUSE = 20;

/**
 * Ends the command of a `lock run` on time, whatever becomes of `lock run` itself: it may be killed, stopped or starved.
 * Its stdin is a pipe from there, which the kernel closes with the process.
 */
class Watcher {
  #group: number | null = null;
  #shell: number | undefined;
  #deadline: Deadline | undefined;
  #terms: Terms = { grace: 0, margin: 0 };
  /** When to kill after the end of `lock run`. */
  #killAt = Number.POSITIVE_INFINITY;
  #orphaned = false;
  #asked = false;
  #timer: NodeJS.Timeout | undefined;

  hear({ group = this.#group, deadline = this.#deadline, shell, grace, margin }: ToWatcher): void {
    this.#group = group;
    this.#shell = shell ?? this.#shell;
    this.#deadline = deadline;
    this.#terms = { grace: grace ?? this.#terms.grace, margin: margin ?? this.#terms.margin };
    this.#look();
  }

  orphan(): void {
    this.#orphaned = true;
    if (this.#shell !== undefined && this.#group !== null) kill(this.#shell);
    this.#killAt = performance.now() + this.#terms.grace;
    this.#look();
  }

  #look(): void {
    clearTimeout(this.#timer);
    const group = this.#group;
    if (group === null) {
      if (this.#orphaned) process.exit();
      return;
    }
    const { grace, margin } = this.#terms;
    const left = this.#deadline === undefined ? 0 : leftOf(this.#deadline);
    const untilKill = Math.min(left - margin, this.#killAt - performance.now());
    const isLate = left <= grace || this.#orphaned;
    if (untilKill <= 0) signalGroup(group, "SIGKILL");
    else if (isLate && !this.#asked) this.#ask(group);
    if (isLate && !isAlive(group)) this.#group = null;
    const pause = isLate ? KILL_PAUSE : Math.min(left - grace, LONGEST_PAUSE);
    this.#timer = setTimeout(() => this.#look(), pause);
  }

  #ask(group: number): void {
    this.#asked = true;
    if (this.#terms.grace > 0) askGroup(group);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

const watcher = new Watcher();
// Where another watcher came before.
watcher.hear(JSON.parse(process.env.LOCK_TOLD ?? "{}"));
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => watcher.hear(JSON.parse(line)));
lines.on("close", () => watcher.orphan());
process.stdin.on("error", () => lines.close());
// What ends `lock run` by its name, or all of its user's processes, must not end what cleans up behind it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.on(signal, () => undefined);
// `lock run` may be gone before it hears this: what it left is to be ended all the same.
process.stdout.on("error", () => undefined);
process.stdout.write("ready\n");
