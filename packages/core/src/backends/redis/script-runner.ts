import type { Clock, Instant, Timer } from "../../clock.ts";
import type { RedisDriver } from "./driver.ts";
import { backendError, noAnswer, unreadable } from "./faults.ts";
import type { Script } from "./script.ts";

/** An answer of a script, and when its request left. */
export interface Answer {
  readonly text: string;
  readonly sentAt: Instant;
}

/** Runs a script once: by its hash, or, where this node does not know it yet, by its source. */
export async function runScript(
  driver: RedisDriver,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<readonly string[]> {
  let reply: unknown;
  try {
    reply = await driver.evalsha(script.sha, keys, args);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
    reply = await driver.eval(script.source, keys, args);
  }
  if (!Array.isArray(reply)) throw unreadable(reply);
  return reply.map(String);
}

/** Settles as `work` does, or rejects when `ms` have passed: no client's own timeout can be relied on. */
export function withDeadline<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => reject(noAnswer(ms)), ms, true);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

interface Call {
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** More would keep the server busy for over a millisecond at a time. */
const LARGEST_BATCH = 64;

/**
 * Runs one script for many requests: those of one tick travel as one command. Clients spend most of their time
 * on each command's bookkeeping, so this is what makes a burst of locks cheaper than plain SET and DEL.
 */
export class BatchedScript {
  #calls: Call[] = [];

  constructor(
    private readonly driver: RedisDriver,
    private readonly script: Script,
    private readonly clock: Clock,
    private readonly timeout: number,
    /** Arguments that all requests of a batch share; asked for when it leaves. */
    private readonly header: (sentAt: Instant) => readonly string[],
  ) {}

  call(keys: readonly string[], args: readonly string[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ keys, args, resolve, reject });
      // nextTick runs after all promise reactions of this turn: whoever asks in this turn joins the batch.
      if (this.#calls.length === 1) process.nextTick(() => this.#flush());
    });
  }

  #flush(): void {
    const calls = this.#calls;
    this.#calls = [];
    const size = this.driver.deployment === "cluster" ? 1 : LARGEST_BATCH;
    for (let from = 0; from < calls.length; from += size) {
      this.#send(from === 0 && calls.length <= size ? calls : calls.slice(from, from + size));
    }
  }

  #send(calls: readonly Call[]): void {
    const sentAt = this.clock.now();
    const keys: string[] = [];
    const args: string[] = [...this.header(sentAt)];
    for (const call of calls) {
      keys.push(...call.keys);
      args.push(...call.args);
    }
    const timer = this.clock.setTimer(() => fail(calls, noAnswer(this.timeout)), this.timeout, true);
    runScript(this.driver, this.script, keys, args).then(
      (texts) => settle(calls, texts, sentAt, timer),
      (error) => {
        timer.cancel();
        fail(calls, backendError(error));
      },
    );
  }
}

function fail(calls: readonly Call[], error: unknown): void {
  for (const call of calls) call.reject(error);
}

function settle(calls: readonly Call[], texts: readonly string[], sentAt: Instant, timer: Timer): void {
  timer.cancel();
  for (const [index, call] of calls.entries()) {
    const text = texts[index];
    if (text === undefined) call.reject(unreadable(texts.join()));
    else if (text.startsWith("error ")) call.reject(backendError(new Error(text.slice("error ".length))));
    else call.resolve({ text, sentAt });
  }
}
