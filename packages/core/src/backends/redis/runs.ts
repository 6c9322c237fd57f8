import type { AcquireRequest, Granted, LockName } from "../../backend.ts";
import { type Clock, elapsed, type Instant } from "../../clock.ts";
import { longer, type Validity, validityLeft } from "../../timing.ts";
import { type HandOver, writeInfo } from "./replies.ts";

/**
 * For how long a process passes a lock on by itself, and after which a holder that it was passed to takes it over in
 * its own name, so that `inspect` and `forceRelease` see it. Only short holds gain: with longer ones the way over the
 * server does not matter.
 */
const WINDOW = 30;
const MANY = 1_000;

interface Run {
  /** The owner token under which the server knows the lock. */
  readonly alias: string;
  readonly handOver: HandOver;
  readonly handedAt: Instant;
  holder: AcquireRequest;
  validity: Validity;
  fencingToken: number;
  /** How often it may still be passed on. */
  left: number;
  /** The tickets of the first and last who were served; they stand in the server's queue until it hears of it. */
  served: { readonly first: number; readonly last: number } | undefined;
  /** A release was sent. */
  releasing: boolean;
}

/** A lease of one key. */
export interface Held extends LockName {
  readonly token: string;
}

/** A waiter that can be handed the lock. */
export interface Successor {
  readonly request: AcquireRequest;
  readonly ticket: number;
}

/** Whom a lock was passed on to, and as what. */
export interface Passed {
  readonly to: AcquireRequest;
  readonly granted: Granted;
}

/**
 * Locks that were handed to this process together with the right to pass them on to its waiters that come next
 * anyway: no order changes, and a hand-over costs no message and no round trip (lock cohorting: Dice, Marathe,
 * Shavit, PPoPP 2012). The server keeps the lock under the first holder's token; who passes it on, extends or
 * releases it says so.
 */
export class Runs {
  /** By the owner token of the lease that holds now. */
  readonly #byHolder = new Map<string, Run>();

  constructor(private readonly clock: Clock) {}

  /** Whether a lease of this token holds the lock as far as this process knows. */
  holds({ token }: { readonly token: string }): boolean {
    const run = this.#byHolder.get(token);
    return run !== undefined && !run.releasing;
  }

  /** Notes a hand-over that others may follow. */
  start(holder: AcquireRequest, granted: Granted, handOver: HandOver): void {
    // Keys that are taken in order have one token: only one of them can be passed on.
    if (handOver.followers === 0 || this.#byHolder.has(holder.token)) return;
    this.#forgetOver();
    const run: Run = {
      alias: holder.token,
      handOver,
      handedAt: this.clock.now(),
      holder,
      validity: granted,
      fencingToken: granted.fencingToken,
      left: handOver.followers,
      served: undefined,
      releasing: false,
    };
    this.#byHolder.set(holder.token, run);
  }

  #runOf({ token, key }: Held): Run | undefined {
    const run = this.#byHolder.get(token);
    return run?.holder.keys[0] === key ? run : undefined;
  }

  /**
   * Passes a lock on that its holder releases; null where it has to go back to the server, and then stays so: a
   * release whose answer was lost may have freed it. `follower` tells who comes next by right of a hand-over.
   */
  passOn(held: Held, follower: (handOver: HandOver) => Successor | undefined): Passed | null {
    const run = this.#runOf(held);
    if (run === undefined) return null;
    const now = this.clock.now();
    const fresh =
      validityLeft(run.validity, now) > run.validity.ttl / 2 && elapsed(run.handedAt, now) < WINDOW;
    const to = fresh && run.left > 0 ? follower(run.handOver) : undefined;
    if (to === undefined || to.request.ttl !== run.handOver.ttl || this.#byHolder.has(to.request.token)) {
      run.left = 0;
      run.releasing = true;
      return null;
    }
    this.#byHolder.delete(held.token);
    this.#byHolder.set(to.request.token, run);
    run.holder = to.request;
    run.fencingToken += 1;
    run.left -= 1;
    run.served = { first: run.served?.first ?? to.ticket, last: to.ticket };
    const { fencingToken, validity } = run;
    const { since, ttl } = validity;
    return { to: to.request, granted: { status: "granted", fencingToken, since, ttl, confirmAfter: WINDOW } };
  }

  /** What a release must say beside the token. */
  releaseClaim(held: Held): string {
    const run = this.#runOf(held);
    return run?.served === undefined ? "" : `${run.alias} ${run.served.first} ${run.served.last}`;
  }

  /** What an extend must say beside the token, to take the lock over in its own name. */
  extendClaim(held: Held): string {
    const run = this.#runOf(held);
    if (run?.served === undefined) return "";
    const { alias, served, fencingToken, handOver, holder } = run;
    // The server will know it under this holder's token: whoever comes next must not claim it by the alias.
    run.left = 0;
    return `${alias} ${served.first} ${served.last} ${fencingToken} ${handOver.grantedAt} ${writeInfo(holder)}`;
  }

  /** An extend was acknowledged; `named`: the server has the lock under the holder's own token. */
  extended(held: Held, validity: Validity, named: boolean): void {
    const run = this.#runOf(held);
    if (run === undefined) return;
    run.validity = longer(run.validity, validity, this.clock.now());
    if (named && run.served !== undefined) this.end(held);
  }

  /** The lock was released or lost, or the server knows it by the holder's own token: no more to pass on or claim. */
  end(held: Held): void {
    if (this.#runOf(held) !== undefined) this.endOf(held.token);
  }

  /** The server has given the lock to this token anew, or the lease of the token is over. */
  endOf(token: string): void {
    this.#byHolder.delete(token);
  }

  /** Runs whose release failed for good are over with their validity. */
  #forgetOver(): void {
    if (this.#byHolder.size < MANY) return;
    const now = this.clock.now();
    for (const { holder, validity } of [...this.#byHolder.values()]) {
      if (validityLeft(validity, now) <= 0) this.endOf(holder.token);
    }
  }
}
