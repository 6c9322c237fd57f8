import type {
  ExtendOutcome,
  Granted,
  NewHolder,
  ReleaseOutcome,
  ReleaseTerms,
  Renewed,
} from "../contract/backend.ts";
import type { Instant } from "../contract/clock.ts";
import { asBackendError, type LockBackendError, type SeenHolder } from "../contract/errors.ts";
import { showKeys } from "../contract/key.ts";
import { retry } from "../contract/retry.ts";
import type { AcquireContext, Interruptible } from "./acquire-context.ts";
import type { Kept } from "./kept.ts";
import type { GrantedPosition } from "./position.ts";
import { Renewal } from "./renewal.ts";
import type { Successors } from "./successors.ts";
import type { TrackedRequest } from "./tracked-request.ts";
import { interruptAll, takeOut, type Waiter, type WaitsIn } from "./waiter.ts";

/** Fencing tokens that were reserved and not used. */
interface Reserved {
  next: number;
  readonly last: number;
}

/**
 * The time for which a position has the key, and grants it among its waiters: with one owner token, a fencing token each of
 * those that were reserved, and what is left of the validity that the server confirmed last. A grant within the process needs
 * no command while that word is fresh; else the server confirms it first. Only the last release goes to the server. See
 * ADR 23.
 */
export class Relay implements Successors, Interruptible, WaitsIn {
  readonly #request: TrackedRequest;
  readonly #waiters: Waiter[];
  readonly #reserved: Reserved[] = [];
  #used: number;
  #renewal: Renewal | undefined;
  /** Whose name and meta the server has. */
  #shown: Waiter;
  /** What kept the server from confirming it. */
  #fault: LockBackendError | undefined;
  #isOver = false;

  constructor(
    private readonly context: AcquireContext,
    private readonly position: GrantedPosition,
    /** Takes those who go back to the queue. */
    private readonly requeue: (waiters: readonly [Waiter, ...Waiter[]], place: number | undefined) => void,
  ) {
    const { request, granted, waiters, opener } = position;
    this.#request = request;
    this.#waiters = [...waiters];
    this.#used = granted.fencingToken - 1;
    this.#shown = opener;
    this.reserved({ first: granted.fencingToken, last: granted.lastFence ?? granted.fencingToken });
    for (const waiter of waiters) waiter.place = this;
  }

  begin(): void {
    const [, ...others] = this.#waiters;
    if (others.length > 0) this.context.waits(this);
    this.#grant(this.#nextFence() ?? this.#used, this.position.granted);
    const holder = this.#holder;
    for (const waiter of others) {
      waiter.tell(holder);
      waiter.watch();
    }
  }

  get areWaiting(): boolean {
    return this.#waiters.length > 0;
  }

  get unused(): ReleaseTerms["fences"] {
    const last = this.#reserved.at(-1)?.last ?? this.#used;
    return last === this.#used ? undefined : { used: this.#used, last };
  }

  keep(lease: Kept, granted: Granted): Renewal {
    this.#renewal ??= new Renewal(lease.context, granted, lease);
    this.#renewal.keep(lease, this.#shown.request.id === lease.held.id);
    return this.#renewal;
  }

  newHolder(fence: number | undefined, heldFor: number): NewHolder {
    const ready = this.#reserved.reduce((sum, { next, last }) => sum + last - next + 1, 0);
    return { fence, heldFor, reserve: Math.max(0, this.#waiters.length - ready) };
  }

  reserved(fences: Renewed["fences"]): void {
    // Answers may overtake each other; what was skipped stays unused.
    if (fences === undefined || fences.first <= (this.#reserved.at(-1)?.last ?? 0)) return;
    this.#reserved.push({ next: fences.first, last: fences.last });
  }

  interrupt(reason: unknown): void {
    interruptAll(this.#waiters, reason);
  }

  leave(waiter: Waiter): void {
    if (!takeOut(this.#waiters, waiter)) return;
    const { interrupted } = waiter.deadline;
    waiter.fail(
      interrupted === undefined ? (this.#fault ?? waiter.stillBusy(this.#holder)) : interrupted.reason,
    );
    if (this.#waiters.length === 0) this.context.settled(this);
  }

  next(now: Instant, released: (outcome: ReleaseOutcome) => void): void {
    const renewal = this.#renewal;
    // Was it extended to more, others would have to wait for that after a crash of the next one.
    if (renewal === undefined || renewal.longest > this.#request.ttl) {
      released("released");
      this.#giveUp();
      return;
    }
    const fence = renewal.isFresh(now) ? this.#nextFence() : undefined;
    if (fence === undefined) {
      this.context.underWay.watch(this.#confirm(renewal, released));
      return;
    }
    released("released");
    this.#grant(fence, renewal.validity);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const [first, ...others] = this.#waiters.splice(0);
    if (first === undefined) return;
    this.context.settled(this);
    this.requeue([first, ...others], this.position.granted.place);
  }

  afterEnd<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<void>((resume) => this.context.backend.clock.afterReads(resume)).then(work);
  }

  /** Its waiters go back to the queue before the key is freed: else it would go past them. */
  #giveUp(): void {
    this.#renewal?.stop();
    this.end();
    const request = this.#request;
    const releasing = this.afterEnd(() => this.context.backend.release(request, { fences: this.unused }));
    // Others would wait for as long as the ttl.
    releasing.catch(() => this.context.cancel(request, false));
    this.context.undo(request, releasing);
  }

  #grant(fencingToken: number, validity: Pick<Granted, "since" | "ttl" | "drift">): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#giveUp();
      return;
    }
    if (this.#waiters.length === 0) this.context.settled(this);
    this.#used = fencingToken;
    const { deadline, terms } = waiter;
    const request = { ...waiter.request, token: this.#request.token };
    const { since, ttl, drift } = validity;
    const granted: Granted = { status: "granted", fencingToken, since, ttl, drift };
    waiter.accept(() => this.context.lease(request, granted, deadline, terms, this));
  }

  /** The server confirms the lease for the next waiter, and reserves fencing tokens for all. */
  async #confirm(renewal: Renewal, released: (outcome: ReleaseOutcome) => void): Promise<void> {
    const { clock } = this.context.backend;
    const [waiter] = this.#waiters;
    const key = showKeys(this.#request.keys);
    const isOver = () => renewal.left(clock.now()) <= 0 || this.#waiters.length === 0;
    // Where the server is silent, it was released while it was believed: its holder need not wait for more.
    const confirm = () =>
      this.#askToConfirm(renewal, waiter).catch((fault: unknown) => {
        if (this.#fault === undefined) released("released");
        this.#fault = asBackendError(fault, key);
        throw fault;
      });
    const outcome = await retry(clock, { key, keepAlive: true, isOver }, confirm).catch(() => undefined);
    if (this.#fault === undefined) released(outcome === "lost" ? "notHeld" : "released");
    this.#fault = undefined;
    const isKept = outcome === "renewed" && renewal.left(clock.now()) > 0;
    const fence = isKept ? this.#nextFence() : undefined;
    if (fence === undefined) this.#giveUp();
    else this.#grant(fence, renewal.validity);
  }

  async #askToConfirm(renewal: Renewal, waiter: Waiter | undefined): Promise<ExtendOutcome["status"]> {
    const { backend } = this.context;
    const { token, ttl } = this.#request;
    const asked = backend.clock.now();
    const held = { ...(waiter?.request ?? this.#request), token };
    const holder = this.newHolder(this.#open[0]?.next, 0);
    const outcome = await backend.extend(held, ttl, { holder });
    if (outcome.status === "lost") return outcome.status;
    this.reserved(outcome.fences);
    this.#shown = waiter ?? this.#shown;
    renewal.heard(outcome, ttl, asked);
    return outcome.status;
  }

  get #open(): Reserved[] {
    return this.#reserved.filter(({ next, last }) => next <= last);
  }

  #nextFence(): number | undefined {
    const [from] = this.#open;
    if (from === undefined) return undefined;
    from.next += 1;
    return from.next - 1;
  }

  /** Who has the key, as its waiters see it. */
  get #holder(): SeenHolder {
    const now = this.context.backend.clock.now();
    const { holder } = this.#request;
    return { holder, remaining: Math.max(0, Math.floor(this.#renewal?.left(now) ?? 0)) };
  }
}
