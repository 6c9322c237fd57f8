import type { AcquireRequest, Granted, LockBackend, RetryPolicy, Votes } from "../contract/backend.ts";
import { ClosedClientWarning } from "../contract/closed-client.ts";
import { asBackendError, LockUsageError } from "../contract/errors.ts";
import { showKeys } from "../contract/key.ts";
import { newOwnerToken } from "../contract/owner-token.ts";
import { retry } from "../contract/retry.ts";
import { show } from "../contract/show.ts";
import { Stop } from "../contract/stop.ts";
import { checkDuration } from "../contract/validate.ts";
import { acquireLock } from "./acquire.ts";
import type { AcquireContext } from "./acquire-context.ts";
import { acquireSeveral, assertTogether } from "./acquire-several.ts";
import { adoptLease, planAdoption } from "./adopt.ts";
import { Deadline } from "./deadline.ts";
import { BackendDetachedLeases, type DetachedLeases } from "./detached.ts";
import { Events, type Tracked } from "./events.ts";
import { tellFailure } from "./failures.ts";
import { HeldLease, type LeaseContext, type LeaseTerms, RENEWED } from "./held-lease.ts";
import type { Lease } from "./lease.ts";
import { type AcquireOptions, checkAcquireOptions, type Wait } from "./options.ts";
import { leaseWithin, type OuterLease } from "./reentrant-lease.ts";
import type { Target } from "./target.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** What is the same for all leases of one `createLocks`. */
export interface LeasesOptions {
  readonly backend: LockBackend;
  readonly prefix: string;
  readonly holder: string;
  readonly ttl: number;
  readonly wait: Wait;
  readonly retry: RetryPolicy | undefined;
  readonly maxTtl: number;
}

const CLOSE_LIMIT = 500;
const CANCEL_LIMIT = 60_000;
const NO_LIMIT = Number.POSITIVE_INFINITY;

/** All leases of one `createLocks` and all that is under way to become one: `close` ends them. */
export class Leases {
  readonly events = new Events();
  readonly detached: DetachedLeases;
  readonly #held = new Set<HeldLease>();
  readonly #acquiring = new Map<Deadline, Promise<unknown>>();
  readonly #undoing = new Set<Promise<unknown>>();
  readonly #stop = new Stop();
  #lastId = 0;
  readonly #leaseContext: LeaseContext;
  readonly #acquireContext: AcquireContext;
  /** Of all keys of a lease at once: it may go on in order. */
  readonly #severalContext: AcquireContext;
  /** Of the parts of a lease while the others are waited for: nobody is told of them. */
  readonly #partContext: AcquireContext;
  readonly #closedClient = new ClosedClientWarning();
  #closed: Promise<void> | undefined;

  constructor(private readonly options: LeasesOptions) {
    const { backend, maxTtl } = options;
    this.#leaseContext = {
      backend,
      events: this.events,
      checkTtl: (ttl) => checkDuration("ttl", ttl, 1, maxTtl),
      ended: (lease) => void this.#held.delete(lease),
      cancel: (held) => this.#background(this.#cancel(held, false, held)),
      undo: (held, work) => this.#undo(held, work),
      faulted: (fault) => this.#faulted(fault),
    };
    this.#acquireContext = {
      backend,
      renewsTokens: true,
      lease: (...granted) => this.#lease(...granted),
      ended: (deadline) => void this.#acquiring.delete(deadline),
      failed: (...failure) => tellFailure(this.events, ...failure),
      contended: (request, holder) => this.events.emit("contended", request, { holder }),
      waiting: (request, holder) => this.events.emit("waiting", request, { holder }),
      voted: (request, votes) => this.#tellVotes(request, votes),
      permitsDiffer: (request, others) => this.#tellMismatch(request, others),
      undo: (request, releasing) => this.#undo(request, releasing),
      cancel: (request, unanswered) => this.#background(this.#cancel(request, unanswered, request)),
    };
    this.detached = new BackendDetachedLeases({
      ...options,
      assertOpen: () => this.assertOpen(),
      cancel: (request) => this.#background(this.#cancel(request, true, { ...request, id: this.#nextId() })),
    });
    // What becomes of several keys is known when they were tried together and in order.
    this.#severalContext = { ...this.#acquireContext, ended: () => undefined, failed: () => undefined };
    const quiet: LeaseContext = { ...this.#leaseContext, events: new Events() };
    this.#partContext = {
      ...this.#severalContext,
      renewsTokens: false,
      lease: (request, granted, _, terms) => new HeldLease(quiet, request, granted, terms),
    };
  }

  /** @throws LockUsageError when they are closed */
  assertOpen(): void {
    if (this.#closed !== undefined) throw closedError();
  }

  /** Not async: of thousands that wait, each would keep the memory of one more suspended function. */
  acquire(target: Target, options: AcquireOptions = {}, defaultWait?: 0): Promise<OuterLease> {
    try {
      checkAcquireOptions(options, this.options.maxTtl);
      this.assertOpen();
      const { signal, within, wait = defaultWait ?? this.options.wait } = options;
      signal?.throwIfAborted();
      const inner = within === undefined ? undefined : leaseWithin(this.#own(within), target);
      if (inner !== undefined) return Promise.resolve(inner);
      if (options.atomic) assertTogether(this.options.backend, target.keys);
      const request = this.#request(target, options, wait);
      if (this.events.hears("acquiring"))
        this.events.emit("acquiring", request, { wait, backend: this.options.backend.name });
      const deadline = new Deadline(this.options.backend.clock, wait, signal);
      return this.#track(
        deadline,
        this.#acquire(request, deadline, termsOf(options), options.atomic === true),
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async adopt(ticket: unknown): Promise<Lease> {
    const adoption = planAdoption(ticket, this.options, this.#stop, this.#nextId());
    this.assertOpen();
    const { backend, wait } = this.options;
    const { renew, minHold, maxHold } = adoption.ticket;
    const deadline = new Deadline(backend.clock, wait, undefined);
    const terms = { renew, minHold, maxHold: maxHold ?? NO_LIMIT };
    const { request } = adoption;
    const giveBack = () => this.#undo(request, backend.release(request));
    const granting = adoptLease(backend, adoption, deadline, giveBack);
    return this.#track(deadline, this.#deliver(request, granting, deadline, terms));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { backend } = this.options;
    for (const deadline of this.#acquiring.keys()) deadline.interrupt(closedError());
    const deadline = new Deadline(backend.clock, CLOSE_LIMIT, undefined);
    await deadline.until(this.#settle());
    this.#stop.stop();
    await deadline.until(backend.close());
  }

  /** Ends when nothing of ours is under way; what ends may begin something else, such as the undo of an acquire. */
  async #settle(): Promise<void> {
    let underWay: Promise<unknown>[] = [...this.#held].map((lease) => lease[Symbol.asyncDispose]());
    do {
      await Promise.allSettled([...underWay, ...this.#acquiring.values(), ...this.#undoing]);
      underWay = [...this.#acquiring.values(), ...this.#undoing];
    } while (underWay.length > 0);
  }

  #request({ keys, mode }: Target, options: AcquireOptions, wait: Wait): TrackedRequest {
    const { prefix, holder } = this.options;
    const { ttl = this.options.ttl, maxHold = NO_LIMIT, retry = this.options.retry, meta } = options;
    const token = newOwnerToken();
    return {
      id: this.#nextId(),
      prefix,
      keys,
      mode,
      token,
      ttl: Math.min(ttl, maxHold),
      holder,
      meta,
      queue: wait !== 0,
      retry,
      stop: this.#stop,
    };
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  #acquire(
    request: TrackedRequest,
    deadline: Deadline,
    terms: LeaseTerms,
    atomic: boolean,
  ): Promise<HeldLease> {
    if (request.keys.length === 1) return acquireLock(this.#acquireContext, request, deadline, terms);
    const contexts = { together: this.#severalContext, part: this.#partContext };
    const acquiring = acquireSeveral(contexts, { request, deadline, terms, atomic });
    acquiring.catch((error) => tellFailure(this.events, request, deadline, error));
    return acquiring.finally(() => this.#acquiring.delete(deadline));
  }

  async #deliver(
    request: TrackedRequest,
    granting: Promise<Granted>,
    deadline: Deadline,
    terms: LeaseTerms,
  ): Promise<HeldLease> {
    try {
      return this.#lease(request, await granting, deadline, terms);
    } finally {
      this.#acquiring.delete(deadline);
    }
  }

  /** `close` waits for it, until it has ended. */
  #track<T>(deadline: Deadline, acquiring: Promise<T>): Promise<T> {
    this.#acquiring.set(deadline, acquiring);
    return acquiring;
  }

  /** The lease of what was granted; nobody gets it after `close`. */
  #lease(request: TrackedRequest, granted: Granted, { waited }: Deadline, terms: LeaseTerms): HeldLease {
    if (this.#closed !== undefined) {
      this.#undo(request, this.options.backend.release(request));
      throw closedError();
    }
    const lease = new HeldLease(this.#leaseContext, request, granted, terms);
    this.#held.add(lease);
    if (this.events.hears("acquired")) {
      const { fencingToken } = lease;
      const backend = this.options.backend.name;
      this.events.emit("acquired", request, { backend, fencingToken, waited, context: request.context });
    }
    return lease;
  }

  /** @throws LockUsageError */
  #own(within: Lease): OuterLease {
    const { context } = (within ?? {}) as Partial<OuterLease>;
    if (context === this.#leaseContext) return within as OuterLease;
    throw new LockUsageError(`within must be a lease that these locks granted, got ${show(within)}`);
  }

  #tellMismatch(request: TrackedRequest, others: number): void {
    const { mode } = request;
    if (mode.kind !== "permits") return;
    this.events.emit("permitsMismatch", request, { permits: mode.permits, others });
  }

  #tellVotes(request: TrackedRequest, votes: Votes): void {
    if (!this.events.hears("voted")) return;
    const telling = votes().then((told) => this.events.emit("voted", request, { votes: told }));
    this.#background(telling);
  }

  /** A release that no caller waits for. */
  #undo(subject: Tracked, releasing: Promise<unknown>): void {
    const told = (error: unknown) => this.#tellFault(subject, "release", error);
    this.#background(releasing.then(() => undefined, told));
  }

  /**
   * A request that is not cancelled would keep those behind it waiting for as long as this process lives: so it is
   * tried again, whatever the server says.
   */
  async #cancel(request: AcquireRequest, unanswered: boolean, subject: Tracked): Promise<void> {
    const { backend } = this.options;
    const key = showKeys(request.keys);
    let isTold = false;
    const cancel = async () => {
      try {
        await backend.cancel(request, unanswered);
      } catch (fault) {
        this.#faulted(fault);
        if (!isTold) this.#tellFault(subject, "cancel", fault);
        isTold = true;
        throw fault;
      }
    };
    const isOver = (waited: number) => waited > CANCEL_LIMIT;
    await retry(
      backend.clock,
      { key, keepAlive: false, isOver, anyFault: true, stop: this.#stop },
      cancel,
    ).catch(() => undefined);
  }

  #faulted(fault: unknown): void {
    if (this.#closed !== undefined) this.#closedClient.hear(fault);
  }

  #tellFault(subject: Tracked, operation: "cancel" | "release", fault: unknown): void {
    const error = asBackendError(fault, showKeys(subject.keys));
    this.events.emit("backendError", subject, { operation, error });
  }

  /** Work that no caller waits for; `close` does. */
  #background(work: Promise<unknown>): void {
    const ended = () => void this.#undoing.delete(work);
    this.#undoing.add(work);
    work.then(ended, ended);
  }
}

function termsOf({ renew = true, minHold = 0, maxHold = NO_LIMIT, onLost }: AcquireOptions): LeaseTerms {
  const isUsual = renew && minHold === 0 && maxHold === NO_LIMIT && onLost === undefined;
  return isUsual ? RENEWED : { renew, minHold, maxHold, onLost };
}

function closedError(): LockUsageError {
  return new LockUsageError("these locks were closed; create new ones with createLocks()");
}
