import type { Clock, Instant } from "../../contract/clock.ts";
import { withoutSecrets } from "../../contract/redaction.ts";
import type { RedisDriver, ScriptRunner } from "./driver.ts";
import { backendError, noAnswer, unreadable } from "./faults.ts";
import { KEYS_PER_LOCK } from "./keys.ts";
import { type Script, withCommands } from "./script.ts";
import type { Slots } from "./slots.ts";

/** An answer of a script, and when its request left. */
export interface Answer {
  readonly text: string;
  readonly sentAt: Instant;
}

/**
 * Runs a script once: by its hash, or, where this node does not know it yet, by its source. Errors of the client come
 * without what was sent: servers and proxies repeat it.
 */
export async function runScript(
  driver: ScriptRunner,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<readonly string[]> {
  let reply: unknown;
  try {
    reply = await driver.evalsha(script.sha, keys, args);
  } catch (error) {
    const isUnknown = error instanceof Error && error.message.startsWith("NOSCRIPT");
    if (!isUnknown) throw named(error, script, [...keys, ...args]);
    reply = await runSource(driver, script, keys, args);
  }
  if (!Array.isArray(reply)) throw unreadable(reply);
  return reply.map(String);
}

async function runSource(
  driver: ScriptRunner,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  if (script.guard !== undefined) await runScript(driver, script.guard, keys, []);
  try {
    return await driver.eval(script.source, keys, script.guard ? [...args, "guarded"] : args);
  } catch (error) {
    throw named(error, script, [...keys, ...args]);
  }
}

function named(error: unknown, script: Script, sent: readonly string[]): Error {
  const told = withoutSecrets(error, sent);
  told.message = withCommands(told.message, script);
  return told;
}

/** Settles as `work` does, or rejects when `ms` have passed: no client's own timeout can be relied on. */
export function withDeadline<T>(
  clock: Clock,
  ms: number,
  key: string | undefined,
  work: Promise<T>,
  keepAlive = true,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => reject(noAnswer(ms, key)), ms, keepAlive);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

interface Call {
  /** The user's key, for errors. */
  readonly key: string;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** How the scripts begin the answer of a request that failed alone. */
const ERROR = "error ";

/** More would keep the server busy for over a millisecond at a time. */
const LARGEST_BATCH = 64;

/** What all scripts of one backend have in common. */
export interface BatchOptions {
  readonly driver: RedisDriver;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly requestTimeout: number;
  readonly slots: Slots;
}

/**
 * Runs one script for many requests: those of one tick travel as one command. Clients spend most of their time
 * on each command's bookkeeping, so this is what makes a burst of locks cheaper than plain SET and DEL.
 */
export class BatchedScript {
  #calls: Call[] = [];

  constructor(
    private readonly options: BatchOptions,
    private readonly script: Script,
    /** Arguments that all requests of a batch share; asked for when it leaves. */
    private readonly header: (sentAt: Instant) => readonly string[],
    /** Keys that all requests of a batch share. */
    private readonly lastKeys: readonly string[] = [],
  ) {}

  call(key: string, keys: readonly string[], args: readonly string[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ key, keys, args, resolve, reject });
      if (this.#calls.length === 1) this.options.clock.afterReads(() => this.#flush());
    });
  }

  #flush(): void {
    const calls = this.#calls;
    this.#calls = [];
    this.#sendAll(calls);
  }

  #sendAll(calls: readonly Call[]): void {
    for (const batch of this.options.slots.matter ? bySlot(calls) : [calls]) {
      for (let from = 0; from < batch.length; from += LARGEST_BATCH) {
        this.#send(batch.length <= LARGEST_BATCH ? batch : batch.slice(from, from + LARGEST_BATCH));
      }
    }
  }

  #send(calls: readonly Call[]): void {
    const { clock, driver, requestTimeout, slots } = this.options;
    const sentAt = clock.now();
    const keys: string[] = [];
    const args: string[] = [...this.header(sentAt)];
    for (const call of calls) {
      keys.push(...call.keys);
      args.push(...call.args);
    }
    keys.push(...this.lastKeys);
    let isOver = false;
    const fail = (errorOf: (key: string) => unknown) => {
      isOver = true;
      timer.cancel();
      for (const call of calls) call.reject(errorOf(call.key));
    };
    const timer = clock.setTimer(() => fail((key) => noAnswer(requestTimeout, key)), requestTimeout, true);
    runScript(driver, this.script, keys, args).then(
      (texts) => {
        timer.cancel();
        for (const [index, call] of calls.entries()) settle(call, texts[index], sentAt, this.script);
      },
      (error) => {
        const parts = slots.learn(error) && !isOver ? bySlot(calls) : [];
        if (parts.length <= 1) return fail((key) => backendError(error, key));
        // It is refused as a whole, so nothing of it was done: each part goes out by itself.
        timer.cancel();
        for (const part of parts) this.#send(part);
      },
    );
  }
}

/**
 * Requests of one lock have one hash tag, and so one slot. One of several locks goes out by itself: should it be refused,
 * it must not fail others.
 */
function bySlot(calls: readonly Call[]): readonly Call[][] {
  const parts = new Map<unknown, Call[]>();
  for (const call of calls) {
    const lock = call.keys.length > KEYS_PER_LOCK ? call : call.keys[0];
    const part = parts.get(lock);
    if (part === undefined) parts.set(lock, [call]);
    else part.push(call);
  }
  return [...parts.values()];
}

function settle(call: Call, text: string | undefined, sentAt: Instant, script: Script): void {
  if (text === undefined) call.reject(unreadable(text));
  else if (text.startsWith(ERROR)) {
    const said = withCommands(text.slice(ERROR.length), script);
    call.reject(backendError(new Error(said), call.key));
  } else call.resolve({ text, sentAt });
}
