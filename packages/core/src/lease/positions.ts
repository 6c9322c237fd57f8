import { newOwnerToken } from "../contract/host.ts";
import type { AcquireContext } from "./acquire-context.ts";
import type { Deadline } from "./deadline.ts";
import type { HeldLease } from "./held-lease.ts";
import { isUsual, type LeaseTerms } from "./options.ts";
import { type GrantedPosition, Position } from "./position.ts";
import { Relay } from "./relay.ts";
import type { TrackedRequest } from "./tracked-request.ts";
import { Waiter } from "./waiter.ts";

/** One acquire: of one key, or of several in one attempt. */
export interface Acquire {
  readonly request: TrackedRequest;
  readonly deadline: Deadline;
  readonly terms: LeaseTerms;
}

/** By key: the youngest position of a process, where others may join it. */
export type Joinable = Map<string, Position>;

/** The positions of this process, in which its waiters wait. */
export class Positions {
  constructor(
    readonly context: AcquireContext,
    private readonly joinable: Joinable,
    /** Whether waiters may share a position where the backend can reserve fencing tokens for them. */
    private readonly mayShare: boolean,
  ) {}

  /**
   * Ends with a lease, or with an error while everything is undone in the background.
   * @throws LockTimeoutError when the key stays busy, LockBackendError when the backend fails for as long as the
   *   caller waits, and whatever reason the caller interrupted the wait with
   */
  acquire({ request, deadline, terms }: Acquire): Promise<HeldLease> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(this.context, request, deadline, terms, resolve, reject);
      if (this.#isShared(request, terms)) this.#share(waiter);
      else this.#openAlone(waiter);
    });
  }

  #openAlone(waiter: Waiter): void {
    const { request } = waiter;
    // The parts of a lease of several keys have its token.
    if (request.token === "") request.token = newOwnerToken();
    // Who comes later must not join a position in front of it.
    if (request.queue && this.joinable.size > 0) for (const key of request.keys) this.joinable.delete(key);
    new Position(this.context, request, [waiter], undefined, this.#ended).run();
  }

  /** What a lease has of its own, such as `maxHold`, cannot be shared. */
  #isShared({ queue, keys, mode }: TrackedRequest, terms: LeaseTerms): boolean {
    if (!this.mayShare || !queue || keys.length > 1 || mode.kind !== "exclusive") return false;
    return isUsual(terms) && this.context.backend.capabilities.fences;
  }

  #share(waiter: Waiter): void {
    const { request } = waiter;
    const now = this.context.backend.clock.now();
    const youngest = this.joinable.get(request.keys[0]);
    if (youngest?.admits(request, now)) {
      youngest.join(waiter);
      return;
    }
    request.token = newOwnerToken();
    const position = new Position(this.context, request, [waiter], now, this.#ended);
    this.joinable.set(request.keys[0], position);
    position.run();
  }

  readonly #ended = (position: Position, granted: GrantedPosition | undefined): void => {
    const [key] = position.keys;
    if (this.joinable.get(key) === position) this.joinable.delete(key);
    if (granted === undefined) return;
    const { request, waiters, opener } = granted;
    const [first] = waiters;
    const { fencingToken, lastFence = fencingToken } = granted.granted;
    // Alone, and what the server knows is all of it: nothing is to be passed on, and no fencing token is to be given back.
    if (waiters.length === 1 && first === opener && lastFence === fencingToken) {
      const { deadline, terms } = first;
      first.accept(() => this.context.lease(request, granted.granted, deadline, terms));
    } else new Relay(this.context, granted, this.#requeue).begin();
  };

  /** They keep their place, under an owner token of their own: the one before may still be in use. */
  readonly #requeue = (waiters: readonly [Waiter, ...Waiter[]], place: number | undefined): void => {
    const request = { ...waiters[0].request, token: newOwnerToken(), waiters: waiters.length, place };
    new Position(this.context, request, waiters, undefined, this.#ended).run();
  };
}
