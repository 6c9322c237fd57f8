import type { AcquireRequest, Granted, LockName } from "../../backend.ts";
import type { Clock, Timer } from "../../clock.ts";
import type { SubscriberEars } from "./driver.ts";
import { type HandOver, readHandOver, readKeyReady } from "./replies.ts";
import { localInstantOf, type TimeSample } from "./server-time.ts";

/** Hand-overs may be lost and holders may die: the first waiter of each key asks again at least this often. */
const LONGEST_SILENCE = 1_000;
/** Keeps processes that wait for one key from asking in the same millisecond. */
const JITTER = 50;

/** How long newcomers gather before they queue behind others of their process. */
const GATHER = 1;

/** More of them than this are forgotten: each would cost the lock one ttl, should it ever be handed to it. */
const MOST_ENDED = 10_000;

/** What is known of the keys of one that waits for several. */
interface Several {
  /** The lists of all of them. */
  readonly lists: readonly WaitList[];
  /** Which were not ready when it was asked last, and which of them are by now; from 1. */
  missing: readonly number[];
  readonly ready: Set<number>;
}

/** A queued request of this process. */
export interface Waiter {
  readonly request: AcquireRequest;
  readonly list: WaitList;
  /** Where it waits for several keys. */
  readonly several: Several | undefined;
  /** Its place in the server's queue; 0 before it has one. With it, it can rejoin where it was. */
  ticket: number;
  /** What came before somebody listened. */
  news: Granted | null | undefined;
  listener: ((news: Granted | null) => void) | undefined;
}

/** The waiters of this process for one key, in the order in which the server will serve them. */
interface WaitList {
  readonly id: string;
  readonly waiters: Map<string, Waiter>;
  sample: TimeSample | undefined;
  /** Asks again at `due`, by the monotonic clock. */
  timer: Timer | undefined;
  due: number;
  /** The last hand-over of the key to this process. */
  latest: HandOver | undefined;
  /** Newcomers that travel together; resolved when they leave. */
  gathering: Gathering | undefined;
}

interface Gathering {
  readonly left: Promise<void>;
  leave(): void;
}

/** Whether the first waiter of a list stands in the server's queue: newcomers are entered behind it. */
function isQueued({ waiters }: WaitList): boolean {
  const [first] = waiters.values();
  return first !== undefined && first.ticket !== 0;
}

function listsOf({ list, several }: Waiter): readonly WaitList[] {
  return several?.lists ?? [list];
}

/** Prefixes hold no space, so no two names meet. */
function listId(name: LockName): string {
  return `${name.prefix} ${name.key}`;
}

/**
 * Turns messages and time into hints for the waiters of this process, with one timer per key. Only the first waiter of
 * a key asks again when the timer fires; its question also tells the server that this process lives, on behalf of all
 * that wait behind it.
 */
export class Wake implements Omit<SubscriberEars, "ended"> {
  readonly #lists = new Map<string, WaitList>();
  readonly #byToken = new Map<string, Waiter>();
  /** Requests that stand in the server's queue although they have ended, should telling it so have failed. */
  readonly #ended = new Map<string, AcquireRequest>();

  constructor(
    private readonly clock: Clock,
    /** A waiter of ours was handed the lock by a message. */
    private readonly handedOver: (request: AcquireRequest, granted: Granted, told: HandOver) => void,
    /** The lock was handed to a token that is no waiter (any more). */
    private readonly namedByServer: (token: string) => void,
    /** The lock was handed to a request that had been given up. */
    private readonly handedInVain: (request: AcquireRequest) => void,
    /** A key is kept ready for a request that had been given up. */
    private readonly readyInVain: (request: AcquireRequest) => void,
  ) {}

  /** Enters a request before it is sent, since the hand-over may overtake the answer. */
  enlist(request: AcquireRequest): Waiter {
    const known = this.#byToken.get(request.token);
    if (known !== undefined) return known;
    const { prefix, keys, token } = request;
    const list = this.#listOf({ prefix, key: keys[0] });
    const several = keys.length === 1 ? undefined : this.#several(prefix, keys);
    const waiter: Waiter = {
      request,
      list,
      several,
      ticket: 0,
      news: undefined,
      listener: undefined,
    };
    for (const each of listsOf(waiter)) each.waiters.set(token, waiter);
    this.#byToken.set(token, waiter);
    return waiter;
  }

  /**
   * Resolves when a newcomer should be sent. Where others of this process are queued already, it gathers more for a
   * moment: they then stand next to each other in the queue, and the lock is passed on among them without a round
   * trip. That costs no idle time: they leave at once when nobody of this process is queued any more.
   */
  gather(waiter: Waiter): Promise<void> | undefined {
    const { list, several } = waiter;
    if (several !== undefined || waiter.ticket !== 0 || !isQueued(list)) return undefined;
    list.gathering ??= this.#gathering(list);
    return list.gathering.left;
  }

  /** Notes that the server queued the request, and plans when to ask again. */
  queued(
    waiter: Waiter,
    sample: TimeSample,
    ticket: number,
    remaining: number | undefined,
    missing: readonly number[],
  ): void {
    waiter.ticket = ticket;
    if (waiter.several !== undefined) waiter.several.missing = missing;
    const isWaiting = this.#byToken.has(waiter.request.token);
    for (const list of listsOf(waiter)) {
      list.sample = sample;
      if (isWaiting) this.#plan(list, remaining ?? LONGEST_SILENCE);
    }
    if (isWaiting) this.#checkReady(waiter);
  }

  /** The server had lost our place in the queue (it took us for dead, or lost its data): all must rejoin. */
  rejoin(waiter: Waiter): void {
    for (const { waiters } of listsOf(waiter)) {
      for (const other of waiters.values()) {
        if (other !== waiter) this.#tell(other, null);
      }
    }
  }

  /** Whether the request has been entered. */
  has(request: AcquireRequest): boolean {
    return this.#byToken.has(request.token);
  }

  /** The next news of a queued request. */
  next(request: AcquireRequest): Promise<Granted | null> {
    const waiter = this.#byToken.get(request.token);
    if (waiter === undefined) return Promise.resolve(null);
    return new Promise((resolve) => {
      waiter.listener = resolve;
      const { news } = waiter;
      waiter.news = undefined;
      if (news !== undefined) this.#tell(waiter, news);
    });
  }

  /** Removes a request that was granted or given up. */
  forget(request: AcquireRequest): void {
    const waiter = this.#byToken.get(request.token);
    if (waiter !== undefined) this.#remove(waiter);
  }

  /** Notes that the server may still have the request in its queue, although it has ended. */
  noteEnded(request: AcquireRequest): void {
    this.#ended.set(request.token, request);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > MOST_ENDED && oldest !== undefined) this.#ended.delete(oldest);
  }

  /** The server has taken the request out of its queue. */
  forgetEnded(request: AcquireRequest): void {
    this.#ended.delete(request.token);
  }

  /**
   * The first waiter of a key in this process, if it can be told and follows the given hand-over. A later hand-over
   * of the key (after a forced release, say) has taken that right away.
   */
  follower(name: LockName, handOver: HandOver): Waiter | undefined {
    const list = this.#lists.get(listId(name));
    const [first] = list?.waiters.values() ?? [];
    if (first?.listener === undefined || list?.latest !== handOver || first.ticket === 0) return undefined;
    if (first.several !== undefined || first.request.mode.kind !== "exclusive") return undefined;
    return first.ticket <= handOver.lastTicket ? first : undefined;
  }

  /** Gives a waiter the lock. */
  grant(request: AcquireRequest, granted: Granted): void {
    const waiter = this.#byToken.get(request.token);
    if (waiter !== undefined) this.#tell(waiter, granted);
  }

  /** A message came in: the lock may have been handed to one of ours. */
  message(text: string): void {
    const told = readHandOver(text);
    if (told === null) {
      this.#keyReady(text);
      return;
    }
    const waiter = this.#byToken.get(told.token);
    if (waiter === undefined) {
      const ended = this.#ended.get(told.token);
      if (ended !== undefined) this.handedInVain(ended);
      this.namedByServer(told.token);
      return;
    }
    const { list } = waiter;
    const { sample } = list;
    if (sample === undefined) {
      this.#tell(waiter, null);
      return;
    }
    const since = localInstantOf(sample, told.grantedAt, this.clock.now());
    const { fencingToken, ttl, slot } = told;
    const granted: Granted = { status: "granted", fencingToken, since, ttl, slot };
    list.latest = told;
    this.handedOver(waiter.request, granted, told);
    this.#tell(waiter, granted);
  }

  /** Messages may have been missed: the first waiter of each key asks again. */
  resumed(): void {
    for (const { waiters } of this.#lists.values()) {
      const [first] = waiters.values();
      if (first !== undefined) this.#tell(first, null);
    }
  }

  /** One of several keys is ready for a request: it is worth asking again when all are that were not. */
  #keyReady(text: string): void {
    const told = readKeyReady(text);
    if (told === null) return;
    const waiter = this.#byToken.get(told.token);
    if (waiter === undefined) {
      const ended = this.#ended.get(told.token);
      if (ended !== undefined) this.readyInVain(ended);
      return;
    }
    waiter.several?.ready.add(told.part);
    this.#checkReady(waiter);
  }

  #checkReady(waiter: Waiter): void {
    const { missing, ready } = waiter.several ?? {};
    if (ready === undefined || ready.size === 0 || missing === undefined) return;
    if (missing.every((part) => ready.has(part))) this.#tell(waiter, null);
  }

  #several(prefix: string, keys: readonly string[]): Several {
    const lists = keys.map((key) => this.#listOf({ prefix, key }));
    return { lists, missing: [], ready: new Set() };
  }

  #listOf(name: LockName): WaitList {
    const id = listId(name);
    const known = this.#lists.get(id);
    if (known !== undefined) return known;
    const list: WaitList = {
      id,
      waiters: new Map(),
      sample: undefined,
      timer: undefined,
      due: 0,
      latest: undefined,
      gathering: undefined,
    };
    this.#lists.set(id, list);
    return list;
  }

  #gathering(list: WaitList): Gathering {
    let leave = () => {};
    const left = new Promise<void>((resolve) => {
      const timer = this.clock.setTimer(() => leave(), GATHER, true);
      leave = () => {
        timer.cancel();
        list.gathering = undefined;
        resolve();
      };
    });
    return { left, leave: () => leave() };
  }

  #remove(waiter: Waiter): void {
    const { request, listener } = waiter;
    const lists = listsOf(waiter);
    this.#byToken.delete(request.token);
    for (const list of lists) {
      list.waiters.delete(request.token);
      if (!isQueued(list)) list.gathering?.leave();
    }
    waiter.listener = undefined;
    listener?.(null);
    for (const list of lists) {
      if (list.waiters.size > 0) continue;
      list.timer?.cancel();
      this.#lists.delete(list.id);
    }
  }

  #tell(waiter: Waiter, news: Granted | null): void {
    const { listener } = waiter;
    if (listener === undefined) {
      // A grant must not be overwritten by a mere hint.
      waiter.news = news ?? waiter.news ?? null;
      return;
    }
    waiter.listener = undefined;
    if (news !== null) this.#remove(waiter);
    listener(news);
  }

  /** Sets the timer to ask again after `remaining`, unless it fires before: newcomers must not put it off. */
  #plan(list: WaitList, remaining: number): void {
    const { mono } = this.clock.now();
    const due = mono + Math.min(remaining + 1, LONGEST_SILENCE) + Math.random() * JITTER;
    if (list.timer !== undefined && list.due <= due) return;
    list.timer?.cancel();
    list.due = due;
    const ask = () => {
      list.timer = undefined;
      this.#plan(list, LONGEST_SILENCE);
      const [first] = list.waiters.values();
      if (first?.listener !== undefined) this.#tell(first, null);
    };
    list.timer = this.clock.setTimer(ask, due - mono, true);
  }
}
