import type { AcquireRequest } from "../../contract/backend.ts";
import type { Clock } from "../../contract/clock.ts";
import { random } from "../../contract/host.ts";
import type { LockName } from "../../contract/mode.ts";
import { readAskNow } from "./replies.ts";
import { listId, listsOf, place, type Waiter, type WaitList } from "./wait-list.ts";

/** For how long at most the server keeps a key for a waiter that was told to ask: see `lua/queue.lua`. */
const OFFER = 1_000;
/** The first waiter of a key asks at least twice while an offer stands: every 45 % of it, and up to 5 % later. */
const ASK_EVERY = 0.45;
const JITTER = 0.05;
/** Shorter pauses would keep the server busy with questions. */
const SHORTEST_SILENCE = 20;

/** So many messages may overtake the answers that their requests were queued. */
const MOST_EARLY = 1_000;

/** What the server said of a request that it queued. */
export interface Queued {
  readonly ticket: number;
  /** Milliseconds until the key is free unless that is put off; undefined where it has no end. */
  readonly remaining: number | undefined;
  /** Which of the request's keys are not ready for it, from 1. */
  readonly missing: readonly number[];
  /** The place in the queue had been lost. */
  readonly rejoined: boolean;
}

/**
 * Turns messages and time into hints for the waiters of this process, with one timer per key. Only the first waiter of
 * a key asks again when the timer fires; its question also tells the server that this process lives, on behalf of all
 * that wait behind it. A hint is never believed: it makes its waiter ask.
 */
export class Wake {
  readonly #lists = new Map<string, WaitList>();
  readonly #byToken = new Map<string, Waiter>();
  /** Tokens that messages named before the answer came that they are queued. */
  readonly #early = new Set<string>();

  constructor(private readonly clock: Clock) {}

  /** Whether there are waiters. */
  get isWaiting(): boolean {
    return this.#byToken.size > 0;
  }

  /** Notes that the request is being asked for. Its place in the queue; 0 where it has none yet. */
  asking(request: AcquireRequest): number {
    const waiter = this.#byToken.get(request.token);
    if (waiter === undefined) return 0;
    waiter.several?.ready.clear();
    // Nobody listens while it asks: news wait for the next one who does.
    waiter.listener = undefined;
    return waiter.ticket;
  }

  /** Notes that the server queued the request, and plans when to ask again. */
  queued(request: AcquireRequest, { ticket, remaining, missing, rejoined }: Queued): void {
    const waiter = this.#byToken.get(request.token) ?? this.#enlist(request);
    place(waiter, ticket);
    waiter.unprompted = false;
    if (waiter.several !== undefined) waiter.several.missing = missing;
    for (const list of listsOf(waiter)) this.#plan(list, remaining ?? OFFER);
    if (rejoined) this.#rejoin(waiter);
    if (this.#early.delete(request.token)) this.#tell(waiter);
    this.#checkReady(waiter);
  }

  /** The next news of a queued request; at once where it is not queued. */
  next(request: AcquireRequest): Promise<null> {
    const waiter = this.#byToken.get(request.token);
    if (waiter === undefined) return Promise.resolve(null);
    return new Promise((resolve) => {
      waiter.listener = resolve;
      if (waiter.hasNews) this.#tell(waiter);
    });
  }

  /** Removes a request that was granted or given up. */
  forget(request: AcquireRequest): void {
    if (this.#byToken.size === 0) return;
    const waiter = this.#byToken.get(request.token);
    if (waiter === undefined) return;
    const lists = listsOf(waiter);
    this.#byToken.delete(request.token);
    for (const list of lists) {
      list.waiters.delete(request.token);
      if (list.waiters.size > 0) {
        // Where messages do not come in, others that may enter together with it were not told either.
        if (waiter.unprompted && request.mode.kind !== "exclusive") this.#askFirst(list);
        continue;
      }
      list.timer?.cancel();
      this.#lists.delete(list.id);
    }
    const { listener } = waiter;
    waiter.listener = undefined;
    listener?.(null);
  }

  /** A message came in. */
  message(text: string): void {
    const told = readAskNow(text);
    if (told === null) return;
    const waiter = this.#byToken.get(told.token);
    if (waiter === undefined) this.#noteEarly(told.token);
    else if (told.part === undefined) this.#tell(waiter);
    else {
      waiter.several?.ready.add(told.part);
      this.#checkReady(waiter);
    }
  }

  /** Messages may have been missed: the first waiter of each key asks again. */
  resumed(): void {
    for (const list of this.#lists.values()) this.#askFirst(list);
  }

  #enlist(request: AcquireRequest): Waiter {
    const { prefix, keys, token } = request;
    const lists = keys.map((key) => this.#listOf({ prefix, key }));
    const [list = this.#listOf({ prefix, key: keys[0] })] = lists;
    const several = lists.length === 1 ? undefined : { lists, missing: [], ready: new Set<number>() };
    const waiter: Waiter = {
      request,
      list,
      several,
      ticket: 0,
      hasNews: false,
      unprompted: false,
      listener: undefined,
    };
    for (const each of lists) each.waiters.set(token, waiter);
    this.#byToken.set(token, waiter);
    return waiter;
  }

  /** The server took this process for dead, or lost its data: all of its waiters must rejoin. */
  #rejoin(waiter: Waiter): void {
    for (const { waiters } of listsOf(waiter)) {
      for (const other of waiters.values()) if (other !== waiter) this.#tell(other);
    }
  }

  #noteEarly(token: string): void {
    this.#early.add(token);
    const [oldest] = this.#early;
    if (this.#early.size > MOST_EARLY && oldest !== undefined) this.#early.delete(oldest);
  }

  #checkReady(waiter: Waiter): void {
    const { missing, ready } = waiter.several ?? {};
    if (ready === undefined || ready.size === 0 || missing === undefined) return;
    if (missing.every((part) => ready.has(part))) this.#tell(waiter);
  }

  #listOf(name: LockName): WaitList {
    const id = listId(name);
    const known = this.#lists.get(id);
    if (known !== undefined) return known;
    const list: WaitList = { id, waiters: new Map(), last: 0, timer: undefined, due: 0 };
    this.#lists.set(id, list);
    return list;
  }

  #tell(waiter: Waiter): void {
    const { listener } = waiter;
    waiter.hasNews = listener === undefined;
    waiter.listener = undefined;
    listener?.(null);
  }

  /** Also those behind the first that the server may serve before it: they may have been told in vain. */
  #askFirst({ waiters }: WaitList): void {
    const slots = new Set<number>();
    for (const waiter of waiters.values()) {
      const { mode, keys } = waiter.request;
      const slot = mode.kind === "permits" && typeof mode.slot === "number" ? mode.slot : undefined;
      // One that wants the same slot as one in front of it is not served before that one.
      if (slot !== undefined && slots.has(slot)) continue;
      if (waiter.listener !== undefined) {
        waiter.unprompted = true;
        this.#tell(waiter);
      }
      if (slot !== undefined) slots.add(slot);
      else if (mode.kind !== "shared" || keys.length === 1) return;
    }
  }

  /** Sets the timer to ask again after `remaining`, unless it fires before: newcomers must not put it off. */
  #plan(list: WaitList, remaining: number): void {
    const [first] = list.waiters.values();
    if (first === undefined) return;
    const offer = Math.min(first.request.ttl, OFFER);
    const silence = Math.max(SHORTEST_SILENCE, offer * ASK_EVERY);
    const { mono } = this.clock.now();
    const due = mono + Math.min(Math.max(0, remaining) + 1, silence) + random() * offer * JITTER;
    if (list.timer !== undefined && list.due <= due) return;
    list.timer?.cancel();
    list.due = due;
    const ask = () => {
      list.timer = undefined;
      this.#plan(list, OFFER);
      this.#askFirst(list);
    };
    list.timer = this.clock.setTimer(ask, due - mono, true);
  }
}
