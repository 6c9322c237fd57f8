import { LockTimeoutError, type SeenHolder } from "../contract/errors.ts";
import { showKeys } from "../contract/key.ts";
import type { AcquireContext } from "./acquire-context.ts";
import type { Cancellable, Deadline } from "./deadline.ts";
import type { HeldLease } from "./held-lease.ts";
import type { LeaseTerms } from "./options.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** Where a waiter waits: a position in the queue, or a relay. */
export interface WaitsIn {
  /** The waiter's time is over, or its caller gave up: it is to be taken out, and told why. */
  leave(waiter: Waiter): void;
}

/** Takes a waiter out; false where it is not there: who heard of the end of another one may have ended it. */
export function takeOut(waiters: Waiter[], waiter: Waiter): boolean {
  const at = waiters.indexOf(waiter);
  if (at !== -1) waiters.splice(at, 1);
  return at !== -1;
}

/** Ends the waiting of all; they take themselves out. */
export function interruptAll(waiters: readonly Waiter[], reason: unknown): void {
  for (const { deadline } of [...waiters]) deadline.interrupt(reason);
}

/** One acquire, from its call to its end. */
export class Waiter implements Cancellable {
  /** Where it waits by now. */
  place: WaitsIn | undefined;
  #isTold = false;
  #isWatched = false;
  #isOver = false;

  constructor(
    private readonly context: AcquireContext,
    readonly request: TrackedRequest,
    readonly deadline: Deadline,
    readonly terms: LeaseTerms,
    private readonly resolve: (lease: HeldLease) => void,
    private readonly reject: (error: unknown) => void,
  ) {}

  /** From now on its time can end it. */
  watch(): void {
    if (this.#isWatched || this.#isOver) return;
    this.#isWatched = true;
    this.context.crowd.enter(this.request.keys);
    if (this.deadline.interrupted === undefined) this.deadline.watch(this);
    else this.place?.leave(this);
  }

  /** Tells that it waits, once. */
  tell(holder: SeenHolder | undefined): void {
    if (this.#isTold || this.#isOver) return;
    this.#isTold = true;
    this.context.contended(this.request, holder);
    // Who hears that may end it.
    if (this.request.queue && !this.#isOver) this.context.waiting(this.request, holder);
  }

  /** Its time is over, or its caller gave up. */
  cancel(): void {
    if (this.deadline.interrupted !== undefined) this.#leave();
    // After a stall timers come first, although the answer may have arrived: it is heard before this.
    else this.context.backend.clock.afterReads(() => this.#leave());
  }

  /** It holds what `make` gives. */
  accept(make: () => HeldLease): void {
    // Before others hear of the lease: what they do must not end what is granted.
    this.#end();
    try {
      this.resolve(make());
    } catch (error) {
      this.#reject(error);
    }
    this.context.ended();
  }

  fail(error: unknown): void {
    this.#end();
    this.context.ended();
    this.#reject(error);
  }

  #reject(error: unknown): void {
    this.context.failed(this.request, this.deadline, error);
    this.reject(error);
  }

  /** What it is told when its time is over and the key is busy. */
  stillBusy(holder: SeenHolder | undefined): LockTimeoutError {
    const { keys, mode } = this.request;
    const key = showKeys(keys);
    const slot = mode.kind === "permits" && mode.slot !== "any" ? mode.slot : undefined;
    const what = slot === undefined ? undefined : `slot ${slot} of ${JSON.stringify(key)}`;
    return new LockTimeoutError(key, this.deadline.waited, holder, what);
  }

  #leave(): void {
    if (!this.#isOver) this.place?.leave(this);
  }

  #end(): void {
    this.#isOver = true;
    if (!this.#isWatched) return;
    this.deadline.unwatch(this);
    this.context.crowd.leave(this.request.keys);
  }
}
