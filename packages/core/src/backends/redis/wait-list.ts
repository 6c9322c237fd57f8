import type { AcquireRequest } from "../../contract/backend.ts";
import type { Timer } from "../../contract/clock.ts";
import type { LockName } from "../../contract/mode.ts";
import { sortByPlace } from "../../contract/places.ts";

/** What is known of the keys of one that waits for several. */
export interface Several {
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
  /** Its place in the server's queue. With it, it can rejoin where it was. */
  ticket: number;
  /** A hint came while the waiter was not listening. */
  hasNews: boolean;
  /** It asks without having been told to. */
  unprompted: boolean;
  listener: ((news: null) => void) | undefined;
}

/** The waiters of this process for one key, in the order in which the server will serve them. */
export interface WaitList {
  readonly id: string;
  readonly waiters: Map<string, Waiter>;
  /** The largest ticket. */
  last: number;
  /** Asks again at `due`, by the monotonic clock. */
  timer: Timer | undefined;
  due: number;
}

export function listsOf({ list, several }: Waiter): readonly WaitList[] {
  return several?.lists ?? [list];
}

/** Notes the place of a waiter. Who takes one that others had before comes in front of those who came since. */
export function place(waiter: Waiter, ticket: number): void {
  if (waiter.ticket === ticket) return;
  waiter.ticket = ticket;
  for (const list of listsOf(waiter)) {
    if (ticket < list.last) sortByPlace(list.waiters, (each) => each.ticket);
    else list.last = ticket;
  }
}

/** Prefixes hold no space, so no two names meet. */
export function listId(name: LockName): string {
  return `${name.prefix} ${name.key}`;
}
