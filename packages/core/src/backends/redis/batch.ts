import type { Clock, Instant } from "../../contract/clock.ts";
import type { RedisDriver } from "./driver.ts";
import { backendError, noAnswer, unreadable } from "./faults.ts";
import { type Script, withCommands } from "./script.ts";
import { evalScript } from "./script-runner.ts";
import type { Slots } from "./slots.ts";

/** One command, as its requests see it. */
export interface Sent {
  readonly at: Instant;
  /** The client's open connections at that time, where it tells them: see `RedisDriver.connections`. */
  readonly connections: readonly object[] | undefined;
}

/** One request of a batch. */
export interface BatchCall {
  /** The user's key, for errors. */
  readonly key: string;
  /** The same for requests of one lock, so of one hash slot. One of several locks is a lock of its own. */
  readonly lock: unknown;
  /** Appends its keys and its arguments. */
  write(keys: string[], args: string[]): void;
  /** `reply` is no error. */
  answered(reply: number | string, sent: Sent): void;
  reject(error: unknown): void;
}

/** A script that runs for many requests at once. */
export interface BatchedScript {
  readonly script: Script;
  /** The most requests of one command. */
  readonly most: number;
  /** Arguments that all requests share; asked for when they leave. */
  header(sentAt: Instant): readonly string[];
  /** Keys that all requests share. */
  readonly lastKeys?: readonly string[];
  /** Hears what comes behind the answers of all requests. @throws LockBackendError where that cannot be understood */
  readonly tail?: ((told: unknown) => void) | undefined;
}

/** What the batches of one backend have under way. */
export interface Traffic {
  /** Batches that wait for their turn to leave. */
  waiting: number;
  /** Commands that left and were not answered. */
  unanswered: number;
}

/** What all batches of one backend have in common. */
export interface BatchOptions {
  readonly driver: RedisDriver;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly requestTimeout: number;
  readonly slots: Slots;
  readonly traffic: Traffic;
}

/** More requests in one command would keep the server busy for over a millisecond at a time. */
export const LARGEST_BATCH = 32;

/** How the scripts begin the answer of a request that failed alone. */
const ERROR = "error ";

/**
 * Runs one script for many requests: those of one tick travel as one command. Clients spend most of their time
 * on each command's bookkeeping, so this is what makes a burst of locks cheaper than plain SET and DEL.
 */
export class Batch {
  #calls: BatchCall[] = [];
  readonly #flush = () => this.#sendAll();

  constructor(
    private readonly options: BatchOptions,
    private readonly what: BatchedScript,
  ) {}

  add(call: BatchCall): void {
    if (this.#calls.push(call) > 1) return;
    const { clock, traffic } = this.options;
    // As Nagle's algorithm (RFC 896): only where others are under way is there something to wait for. No batch overtakes
    // one that waits: a release must not come before the extend of its lease.
    if (traffic.waiting === 0 && traffic.unanswered === 0) queueMicrotask(this.#flush);
    else clock.afterReads(this.#flush);
    traffic.waiting += 1;
  }

  #sendAll(): void {
    this.options.traffic.waiting -= 1;
    const calls = this.#calls;
    this.#calls = [];
    const { most } = this.what;
    for (const part of this.options.slots.matter ? bySlot(calls) : [calls]) {
      for (let from = 0; from < part.length; from += most) {
        this.#send(part.length <= most ? part : part.slice(from, from + most));
      }
    }
  }

  #send(calls: readonly BatchCall[]): void {
    const { clock, driver, requestTimeout, slots, traffic } = this.options;
    const { script, header, lastKeys } = this.what;
    const sent: Sent = { at: clock.now(), connections: driver.connections?.() };
    const keys: string[] = [];
    const args: string[] = [...header(sent.at)];
    for (const call of calls) call.write(keys, args);
    if (lastKeys !== undefined) keys.push(...lastKeys);
    let isOver = false;
    traffic.unanswered += 1;
    const end = () => {
      if (!isOver) traffic.unanswered -= 1;
      isOver = true;
      timer.cancel();
    };
    const fail = (errorOf: (key: string) => unknown) => {
      end();
      for (const call of calls) call.reject(errorOf(call.key));
    };
    const timer = clock.setTimer(() => fail((key) => noAnswer(requestTimeout, key)), requestTimeout, true);
    evalScript(driver, script, keys, args).then(
      (replies) => {
        end();
        this.#settle(calls, replies, sent);
      },
      (error) => {
        const parts = slots.learn(error) && !isOver ? bySlot(calls) : [];
        if (parts.length <= 1) return fail((key) => backendError(error, key));
        // It is refused as a whole, so nothing of it was done: each part goes out by itself.
        end();
        for (const part of parts) this.#send(part);
      },
    );
  }

  #settle(calls: readonly BatchCall[], replies: readonly unknown[], sent: Sent): void {
    try {
      this.what.tail?.(replies[calls.length]);
    } catch (error) {
      for (const call of calls) call.reject(error);
      return;
    }
    for (const [index, call] of calls.entries()) {
      const told = replies[index];
      // Clients can be told to bring texts as buffers, and numbers as texts.
      const reply = typeof told === "number" ? told : String(told);
      if (told === undefined || told === null) call.reject(unreadable(told));
      else if (typeof reply === "string" && reply.startsWith(ERROR)) {
        const said = withCommands(reply.slice(ERROR.length), this.what.script);
        call.reject(backendError(new Error(said), call.key));
      } else call.answered(reply, sent);
    }
  }
}

function bySlot(calls: readonly BatchCall[]): readonly BatchCall[][] {
  const parts = new Map<unknown, BatchCall[]>();
  for (const call of calls) {
    const part = parts.get(call.lock);
    if (part === undefined) parts.set(call.lock, [call]);
    else part.push(call);
  }
  return [...parts.values()];
}
