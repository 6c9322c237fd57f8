import type { Granted, LockBackend, RetryPolicy } from "../contract/backend.ts";
import { LockUsageError } from "../contract/errors.ts";
import { show } from "../contract/show.ts";
import { checkDuration } from "../contract/validate.ts";
import type { Interruptible } from "./acquire-context.ts";
import { acquireSeveral, assertTogether } from "./acquire-several.ts";
import { adoptLease, planAdoption } from "./adopt.ts";
import { Alarms } from "./alarms.ts";
import { Background } from "./background.ts";
import { type Contexts, contextsOf } from "./contexts.ts";
import { Crowd } from "./crowd.ts";
import { Deadline, type DeadlineContext } from "./deadline.ts";
import { BackendDetachedLeases, type DetachedLeases } from "./detached.ts";
import { Events } from "./events.ts";
import { tellFailure } from "./failures.ts";
import { HeldLease } from "./held-lease.ts";
import type { KeepingAlarm } from "./kept.ts";
import type { Lease } from "./lease.ts";
import { Looks } from "./looks.ts";
import { type AcquireOptions, checkAcquireOptions, type LeaseTerms, termsOf, type Wait } from "./options.ts";
import { leaseWithin, type OuterLease } from "./reentrant-lease.ts";
import type { Successors } from "./successors.ts";
import type { Target } from "./target.ts";
import type { TrackedRequest } from "./tracked-request.ts";
import { UnderWay } from "./under-way.ts";

/** What is the same for all leases of one `createLocks`. */
export interface LeasesOptions {
  readonly backend: LockBackend;
  readonly prefix: string;
  readonly holder: string;
  readonly ttl: number;
  readonly wait: Wait;
  readonly retry: RetryPolicy | undefined;
  readonly maxTtl: number;
  readonly maxWaiters: number;
}

const CLOSE_LIMIT = 500;

/** All leases of one `createLocks` and all that is under way to become one: `close` ends them. */
export class Leases {
  readonly events = new Events();
  readonly detached: DetachedLeases;
  readonly #underWay = new UnderWay();
  readonly #background: Background;
  /** What callers wait for. */
  readonly #waiting = new Set<Interruptible>();
  /** Of all leases that are held. */
  readonly #alarms: Alarms<KeepingAlarm>;
  readonly #contexts: Contexts;
  readonly #times: DeadlineContext;
  readonly #crowd: Crowd;
  readonly #endOfHints: (() => void) | undefined;
  #lastId = 0;
  #closed: Promise<void> | undefined;

  constructor(private readonly options: LeasesOptions) {
    const { backend, maxTtl, maxWaiters } = options;
    this.#crowd = new Crowd(maxWaiters);
    const background = new Background(backend, this.events, this.#underWay, () => this.#closed !== undefined);
    this.#background = background;
    this.#alarms = new Alarms(backend.clock);
    this.#times = { clock: backend.clock, deadlines: new Alarms(backend.clock, true) };
    this.#contexts = contextsOf({
      backend,
      events: this.events,
      background,
      underWay: this.#underWay,
      crowd: this.#crowd,
      alarms: this.#alarms,
      checkTtl: (ttl) => checkDuration("ttl", ttl, 1, maxTtl),
      lease: (request, granted, { begun }, ...how) => this.#lease(request, granted, begun, ...how),
      isOpen: () => this.#closed === undefined,
      waits: (waiting) => this.#waits(waiting),
      settled: (waiting) => this.#waiting.delete(waiting),
      ended: () => this.#underWay.end(),
    });
    this.#endOfHints = backend.onTaken?.(new Looks(this.#alarms).hint);
    this.detached = new BackendDetachedLeases({
      ...options,
      assertOpen: () => this.assertOpen(),
      cancel: (request) => background.cancel(request, true, { ...request, id: this.#nextId() }),
    });
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
      const { backend } = this.options;
      if (options.atomic) assertTogether(backend, target.keys);
      const request = this.#request(target, options, wait);
      if (this.events.hears("acquiring"))
        this.events.emit("acquiring", request, { wait, backend: backend.name });
      const deadline = new Deadline(this.#times, wait, signal);
      if (wait !== 0) this.#assertRoom(request, deadline);
      const terms = termsOf(options);
      this.#underWay.begin();
      return request.keys.length > 1
        ? this.#acquireSeveral(request, deadline, terms, options.atomic === true)
        : this.#contexts.single.acquire({ request, deadline, terms });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async adopt(ticket: unknown): Promise<Lease> {
    const { backend, wait } = this.options;
    const adoption = planAdoption(ticket, this.options, this.#background.stop, this.#nextId());
    this.assertOpen();
    const { renew, minHold, maxHold } = adoption.ticket;
    const terms = termsOf({ renew, minHold, maxHold });
    const { request } = adoption;
    const deadline = new Deadline(this.#times, wait, undefined);
    this.#underWay.begin();
    this.#waits(deadline);
    try {
      const giveBack = () => this.#background.undo(request, backend.release(request));
      const granted = await adoptLease(backend, adoption, deadline, giveBack);
      return this.#lease(request, granted, deadline.begun, terms);
    } finally {
      this.#ended(deadline);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { backend } = this.options;
    for (const waiting of this.#waiting) waiting.interrupt(closedError());
    for (const { lease } of [...this.#alarms]) void lease[Symbol.asyncDispose]();
    const deadline = new Deadline(this.#times, CLOSE_LIMIT, undefined);
    await deadline.until(this.#underWay.idle());
    this.#background.stop.stop();
    this.#endOfHints?.();
    await deadline.until(backend.close());
  }

  #request({ keys, mode }: Target, options: AcquireOptions, wait: Wait): TrackedRequest {
    const { prefix, holder } = this.options;
    const { ttl = this.options.ttl, maxHold, retry = this.options.retry, meta } = options;
    return {
      id: this.#nextId(),
      prefix,
      keys,
      mode,
      token: "",
      ttl: Math.min(ttl, maxHold ?? ttl),
      holder,
      meta,
      queue: wait !== 0,
      retry,
      stop: this.#background.stop,
    };
  }

  /** @throws LockOverloadedError */
  #assertRoom(request: TrackedRequest, deadline: Deadline): void {
    try {
      this.#crowd.assertRoom(request.keys);
    } catch (error) {
      tellFailure(this.events, request, deadline, error);
      throw error;
    }
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  async #acquireSeveral(
    request: TrackedRequest,
    deadline: Deadline,
    terms: LeaseTerms,
    atomic: boolean,
  ): Promise<HeldLease> {
    this.#waits(deadline);
    try {
      return await acquireSeveral(this.#contexts, { request, deadline, terms, atomic });
    } catch (error) {
      tellFailure(this.events, request, deadline, error);
      throw error;
    } finally {
      this.#ended(deadline);
    }
  }

  /** `close` ends the waiting. */
  #waits(waiting: Interruptible): void {
    this.#waiting.add(waiting);
    if (this.#closed !== undefined) waiting.interrupt(closedError());
  }

  #ended(deadline: Deadline): void {
    this.#waiting.delete(deadline);
    this.#underWay.end();
  }

  /** The lease of what was granted; nobody gets it after `close`. */
  #lease(
    request: TrackedRequest,
    granted: Granted,
    begun: number,
    terms: LeaseTerms,
    successors?: Successors,
  ): HeldLease {
    const { backend } = this.options;
    if (this.#closed !== undefined) {
      this.#background.undo(request, backend.release(request));
      throw closedError();
    }
    const lease = new HeldLease(this.#contexts.lease, request, granted, terms, successors);
    if (this.events.hears("acquired")) {
      const waited = backend.clock.now().mono - begun;
      const { fencingToken } = lease;
      const { context } = request;
      this.events.emit("acquired", request, { backend: backend.name, fencingToken, waited, context });
    }
    return lease;
  }

  /** @throws LockUsageError */
  #own(within: Lease): OuterLease {
    const { context } = (within ?? {}) as Partial<OuterLease>;
    if (context === this.#contexts.lease) return within as OuterLease;
    throw new LockUsageError(`within must be a lease that these locks granted, got ${show(within)}`);
  }
}

function closedError(): LockUsageError {
  return new LockUsageError("these locks were closed; create new ones with createLocks()");
}
