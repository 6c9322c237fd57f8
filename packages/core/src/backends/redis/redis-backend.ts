import { randomBytes } from "node:crypto";
import type {
  AcquireOutcome,
  AcquireRequest,
  BackendNode,
  Enrolment,
  ExtendOutcome,
  Granted,
  LockName,
  LockState,
  Membership,
  NoticeListener,
  Ownership,
  QuorumNode,
  ReleaseOutcome,
  Renewed,
  Vote,
} from "../../backend.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { checkClock, checkCount, checkDuration } from "../../options.ts";
import { validityLeft } from "../../timing.ts";
import { Commands, partsOf, refused } from "./commands.ts";
import type { RedisDriver } from "./driver.ts";
import { unreadable } from "./faults.ts";
import { inspectLock, listLocks } from "./inspection.ts";
import { Notices, noticeChannel, writeNotice } from "./notices.ts";
import { Replication } from "./replication.ts";
import { type Held, Runs } from "./runs.ts";
import { withDeadline } from "./script-runner.ts";
import { Subscription } from "./subscription.ts";
import { type Waiter, Wake } from "./wake.ts";

/** Options of the Redis backend. Durations are milliseconds. */
export interface RedisBackendOptions {
  /**
   * How long a single request may take before it counts as unanswered; what the client does on its own
   * (retries, offline queue) happens within it. Default 2000.
   */
  readonly requestTimeout?: number;
  /**
   * How long the fence counter of a key is kept after its last grant. Fencing tokens grow also over its loss
   * as long as the server's clock does not step back further than this. Default 3,600,000 (1 h).
   */
  readonly fenceRetention?: number;
  /**
   * How many replicas must know of a grant before it counts, 0 to 100: by WAIT, for at most a quarter of
   * `requestTimeout`, during which the connection waits, too. A grant that fewer know of is given back, and asked for
   * again while the caller waits; then a `LockBackendError`. It makes the loss of a lock by a failover less likely, not
   * impossible. Default 0.
   */
  readonly minReplicas?: number;
  /** For tests. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** How the scripts are told that a lease is one of many of its key. */
const MANY = "many";

/**
 * Grants leases on one Redis server (or a cluster of them) through a driver. What happens on the server is in
 * `scripts/`, what is sent to it in `commands.ts`; this class knows who waits, and what was passed on within the process.
 */
export class RedisBackend implements QuorumNode {
  readonly name = "redis";
  readonly grantsPermits = true;
  readonly clock: Clock;
  readonly requestTimeout: number;
  readonly #driver: RedisDriver;
  readonly #commands: Commands;
  readonly #wake: Wake;
  readonly #subscription: Subscription;
  readonly #notices = new Notices();
  readonly #replication: Replication;
  readonly #runs: Runs;
  readonly #id = randomBytes(12).toString("base64url");
  /** Requests that may queue: the subscriber was opened for them, or could not be. */
  readonly #listened = new WeakSet<AcquireRequest>();
  /** Requests for which the subscriber is being opened, and how they hear that it is, or that they gave up. */
  readonly #listening = new Map<AcquireRequest, (news: null) => void>();
  readonly #givenUp = new WeakSet<AcquireRequest>();
  /** Requests that were asked for as votes of a quorum. */
  readonly #votes = new WeakSet<AcquireRequest>();

  constructor(driver: RedisDriver, options: RedisBackendOptions = {}) {
    const {
      requestTimeout = 2_000,
      fenceRetention = 3_600_000,
      minReplicas = 0,
      clock = systemClock,
    } = options;
    checkDuration("requestTimeout", requestTimeout, 1, 60_000);
    checkDuration("fenceRetention", fenceRetention, 1_000, 365 * 86_400_000);
    checkCount("minReplicas", minReplicas, 100, 0);
    checkClock(clock);
    this.clock = clock;
    this.requestTimeout = requestTimeout;
    this.#driver = driver;
    const channelOf = (prefix: string) => this.#channel(prefix);
    this.#commands = new Commands({ driver, clock, requestTimeout, fenceRetention, channelOf });
    this.#replication = new Replication({ driver, clock, requestTimeout, fenceRetention, minReplicas });
    this.#runs = new Runs(clock);
    this.#wake = new Wake(
      clock,
      (request, granted, told) => this.#runs.start(request, granted, told),
      (token) => this.#runs.endOf(token),
      (ended) => this.#giveBack(ended),
      (ended) => void this.#commands.withdraw(ended, false, this.#votes.has(ended)).catch(() => undefined),
    );
    this.#subscription = new Subscription(driver, clock, (work) => this.#inTime(work), {
      message: (text) => this.#notices.message(text) || this.#wake.message(text),
      resumed: () => this.#wake.resumed(),
    });
  }

  takesTogether(keys: readonly string[]): boolean {
    // Each key is a hash tag of its own: in a cluster two of them hardly ever share a slot.
    return keys.length === 1 || this.#driver.deployment === "single";
  }

  async attempt(request: AcquireRequest): Promise<AcquireOutcome> {
    const outcome = await this.#attempt(request, undefined);
    if (outcome.status === "abstained") throw unreadable(outcome.status);
    if (outcome.status === "granted") await this.#replicate(request);
    return outcome;
  }

  vote(request: AcquireRequest, fence: number): Promise<Vote> {
    if (!this.#commands.mayVote(request.prefix)) return this.#firstVote(request, fence);
    this.#votes.add(request);
    return this.#attempt(request, fence);
  }

  async #firstVote(request: AcquireRequest, fence: number): Promise<Vote> {
    const { status } = await this.enroll(request.prefix, { votesIn: undefined, durable: false });
    return status === "member" ? this.vote(request, fence) : { status: "abstained", isMember: false };
  }

  enroll(prefix: string, enrolment: Enrolment): Promise<Membership> {
    return this.#commands.enroll(prefix, enrolment);
  }

  hint(request: AcquireRequest): Promise<Granted | null> {
    const hint = this.#wake.has(request) ? this.#wake.next(request) : this.#listen(request);
    if (this.#replication.isOff) return hint;
    return hint.then(async (granted) => {
      if (granted === null) return null;
      // Asked again, it fails again: but as an attempt, which is repeated.
      return this.#replicate(request).then(
        () => granted,
        () => null,
      );
    });
  }

  async withdraw(request: AcquireRequest, unanswered: boolean): Promise<void> {
    this.#givenUp.add(request);
    this.#listening.get(request)?.(null);
    this.#wake.forget(request);
    this.#wake.noteEnded(request);
    // The lock was passed on to it in the turn in which it gave up.
    const [name] = partsOf(request);
    if (this.#runs.holds(name)) await this.release(request);
    await this.#commands.withdraw(request, unanswered, this.#votes.has(request));
    this.#wake.forgetEnded(request);
  }

  async extend(held: AcquireRequest, ttl: number, fence?: number): Promise<ExtendOutcome> {
    const outcomes = await each(held, async (part) => {
      const claim = claimOf(held) ?? this.#runs.extendClaim(part);
      const { outcome, named } = await this.#commands.extend(part, ttl, claim, fence);
      if (outcome.status === "renewed") this.#runs.extended(part, outcome, named);
      else this.#runs.end(part);
      return outcome;
    });
    return this.#shortest(outcomes);
  }

  async release(held: AcquireRequest): Promise<ReleaseOutcome> {
    const [name] = partsOf(held);
    const passed = this.#runs.passOn(name, (handOver) => this.#wake.follower(name, handOver));
    if (passed !== null) {
      this.#wake.noteEnded(held);
      this.#wake.grant(passed.to, passed.granted);
      return "released";
    }
    const outcomes = await each(held, async (part) => {
      const outcome = await this.#commands.release(part, this.#releaseClaim(held, part));
      this.#runs.end(part);
      return outcome;
    });
    this.#wake.forgetEnded(held);
    return outcomes.every((outcome) => outcome === "released") ? "released" : "notHeld";
  }

  async retain(held: AcquireRequest, ms: number): Promise<ReleaseOutcome> {
    const outcomes = await each(held, async (part) => {
      const outcome = await this.#commands.retain(part, this.#releaseClaim(held, part), ms);
      this.#runs.end(part);
      return outcome;
    });
    return outcomes.every((outcome) => outcome === "released") ? "released" : "notHeld";
  }

  handOff(held: AcquireRequest): string {
    const [name] = partsOf(held);
    const claim = this.#releaseClaim(held, name);
    this.#runs.end(name);
    return claim;
  }

  async adopt(
    request: AcquireRequest,
    from: string,
    fencingToken: number,
    proof: string,
  ): Promise<ExtendOutcome> {
    const outcomes = await each(request, (part) =>
      this.#commands.adopt(part, request, from, fencingToken, proof),
    );
    const outcome = this.#shortest(outcomes);
    const isPartial = outcome.status === "lost" && outcomes.some(({ status }) => status === "renewed");
    if (isPartial) await this.release(request);
    return outcome;
  }

  forceRelease(name: LockName, token = ""): Promise<boolean> {
    return this.#commands.forceRelease(name, token);
  }

  inspect(name: LockName): Promise<LockState | null> {
    return inspectLock(this.#commands.run, name);
  }

  list(prefix: string): AsyncIterable<LockState> {
    return listLocks(this.#commands.run, this.#driver, prefix);
  }

  async notify(prefix: string, notice: string): Promise<void> {
    await this.#commands.notify(noticeChannel(prefix), writeNotice(prefix, notice));
  }

  async hearNotices(prefix: string, listener: NoticeListener): Promise<() => void> {
    const stop = this.#notices.add(prefix, listener);
    await this.#subscription.listen(noticeChannel(prefix));
    return stop;
  }

  nodes(): readonly BackendNode[] {
    const { address = this.name } = this.#driver;
    return [{ name: address, command: (words) => this.#inTime(this.#driver.command(words)) }];
  }

  close(): Promise<void> {
    return this.#subscription.close();
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    return withDeadline(this.clock, this.requestTimeout, undefined, work);
  }

  async #attempt(request: AcquireRequest, proposed: number | undefined): Promise<Vote> {
    const channel = this.#channel(request.prefix);
    const isWaiting = this.#wake.has(request);
    const listens = isWaiting || this.#listened.has(request) || this.#subscription.hears(channel);
    const waiter = request.queue && listens ? this.#wake.enlist(request) : undefined;
    try {
      // The subscriber has ended since, or was closed by other locks on this backend: it would count as dead.
      if (isWaiting && !this.#subscription.hears(channel)) await this.#subscription.listen(channel);
      if (waiter !== undefined) await this.#wake.gather(waiter);
      // Given up while it gathered: `withdraw` has come and gone, so nobody would ever remove it.
      if (this.#givenUp.has(request)) throw refused("withdrawn");
      return await this.#ask(request, waiter, proposed);
    } catch (error) {
      // Without a place in the queue nothing will wake it: the next attempt enters it again.
      if (waiter?.ticket === 0) this.#wake.forget(request);
      throw error;
    }
  }

  async #ask(
    request: AcquireRequest,
    waiter: Waiter | undefined,
    proposed: number | undefined,
  ): Promise<Vote> {
    waiter?.several?.ready.clear();
    const { answer, sample } = await this.#commands.acquire(request, waiter?.ticket, proposed);
    if (answer.status === "abstained") {
      this.#wake.forget(request);
      return answer;
    }
    const otherPermits = otherPermitsOf(request, answer.otherPermits);
    if (waiter !== undefined && answer.rejoined) this.#wake.rejoin(waiter);
    if (answer.status === "granted") {
      this.#wake.forget(request);
      const { fencingToken, ttl, slot } = answer;
      return { status: "granted", fencingToken, since: sample.sentAt, ttl, slot, otherPermits };
    }
    const { holder, ticket, missing } = answer;
    if (waiter !== undefined) this.#wake.queued(waiter, sample, ticket, holder?.remaining, missing);
    return { status: "busy", holder, otherPermits };
  }

  /** Gives back a grant that too few replicas know of. */
  async #replicate(request: AcquireRequest): Promise<void> {
    try {
      const [name] = partsOf(request);
      await this.#replication.confirm(name);
    } catch (error) {
      await this.release(request);
      throw error;
    }
  }

  /** The first contention of this process: a waiter that cannot be told would count as dead, so listen first. */
  #listen(request: AcquireRequest): Promise<null> {
    return new Promise((resolve) => {
      this.#listening.set(request, resolve);
      this.#subscription.listen(this.#channel(request.prefix)).then(() => {
        this.#listening.delete(request);
        this.#listened.add(request);
        resolve(null);
      });
    });
  }

  /** Frees a key that was handed to a request that had ended, unless the same token holds it after all. */
  #giveBack(ended: AcquireRequest): void {
    const [name] = partsOf(ended);
    if (!this.#runs.holds(name)) this.release(ended).catch(() => undefined);
  }

  #channel(prefix: string): string {
    return `${prefix}:wake:${this.#id}`;
  }

  #releaseClaim(held: AcquireRequest, part: Held): string {
    const claim = claimOf(held) ?? this.#runs.releaseClaim(part);
    // Served over its process, it stands in the server's queue until this is answered.
    if (claim !== "" && claim !== MANY) this.#wake.noteEnded(held);
    return claim;
  }

  /** What came of several keys: as much as the worst of them. */
  #shortest(outcomes: readonly ExtendOutcome[]): ExtendOutcome {
    const now = this.clock.now();
    let shortest: Renewed | undefined;
    for (const outcome of outcomes) {
      if (outcome.status === "lost") return outcome;
      const isShorter = shortest === undefined || validityLeft(outcome, now) < validityLeft(shortest, now);
      if (isShorter) shortest = outcome;
    }
    return shortest ?? { status: "lost", reason: "expired" };
  }
}

async function each<T>(held: Ownership, work: (part: Held) => Promise<T>): Promise<T[]> {
  const [first, ...others] = partsOf(held);
  return others.length === 0 ? [await work(first)] : Promise.all([first, ...others].map(work));
}

function claimOf({ mode }: Ownership): string | undefined {
  return mode.kind === "exclusive" ? undefined : MANY;
}

function otherPermitsOf({ mode }: AcquireRequest, others: number | undefined): number | undefined {
  return mode.kind === "permits" && others !== mode.permits ? others : undefined;
}
