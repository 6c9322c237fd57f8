import { randomBytes } from "node:crypto";
import type {
  AcquireOutcome,
  AcquireRequest,
  ExtendOutcome,
  Granted,
  LockBackend,
  LockName,
  LockState,
  Ownership,
  ReleaseOutcome,
  Renewed,
} from "../../backend.ts";
import { type Clock, type Instant, shift, systemClock } from "../../clock.ts";
import { LockBackendError } from "../../errors.ts";
import { showKeys } from "../../key.ts";
import { checkDuration } from "../../options.ts";
import { validityLeft } from "../../timing.ts";
import type { RedisDriver } from "./driver.ts";
import { backendError, unreadable } from "./faults.ts";
import { inspectLock, listLocks, type RunOnce } from "./inspection.ts";
import { lockKey, lockKeys } from "./keys.ts";
import { writeMode } from "./modes.ts";
import { readAcquireAnswer, readNumber, writeInfo } from "./replies.ts";
import { Runs } from "./runs.ts";
import type { Script } from "./script.ts";
import { type Answer, BatchedScript, runScript, withDeadline } from "./script-runner.ts";
import * as scripts from "./scripts/index.ts";
import { serverTimeAt, type TimeSample } from "./server-time.ts";
import { Subscription } from "./subscription.ts";
import { Wake } from "./wake.ts";

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
  /** For tests. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** A process that waits is believed alive this long after its last request for the key: three missed ones. */
const BELIEVED_ALIVE = 3_000;
/** A queue that nobody asks about goes away by itself. */
const KEEP_QUEUE = 10_000;
/** The server's time is unknown before the first answer: that one only tells it. More would be a clock that runs. */
const MOST_LATE_ANSWERS = 3;

/**
 * Grants leases on one Redis server (or a cluster of them) through a driver. What happens on the server is in
 * `scripts/`; this class packs requests and reads answers.
 */
export class RedisBackend implements LockBackend {
  readonly name = "redis";
  readonly grantsPermits = true;
  readonly clock: Clock;
  readonly requestTimeout: number;
  readonly #driver: RedisDriver;
  readonly #wake: Wake;
  readonly #subscription: Subscription;
  readonly #runs: Runs;
  readonly #id = randomBytes(12).toString("base64url");
  readonly #retention: string;
  readonly #keep: string;
  readonly #countsReceivers: string;
  readonly #acquire: Map<string, BatchedScript> = new Map();
  readonly #withdraw: Map<string, BatchedScript> = new Map();
  readonly #release: BatchedScript;
  readonly #extend: BatchedScript;
  readonly #retain: BatchedScript;
  readonly #adopt: BatchedScript;
  /** Requests that may queue: the subscriber was opened for them, or could not be. */
  readonly #listened = new WeakSet<AcquireRequest>();
  readonly #givenUp = new WeakSet<AcquireRequest>();
  #time: TimeSample | undefined;

  constructor(driver: RedisDriver, options: RedisBackendOptions = {}) {
    const { requestTimeout = 2_000, fenceRetention = 3_600_000, clock = systemClock } = options;
    checkDuration("requestTimeout", requestTimeout, 1, 60_000);
    checkDuration("fenceRetention", fenceRetention, 1_000, 365 * 86_400_000);
    this.clock = clock;
    this.requestTimeout = requestTimeout;
    this.#driver = driver;
    this.#retention = String(fenceRetention);
    this.#keep = String(Math.max(KEEP_QUEUE, 2 * requestTimeout));
    this.#countsReceivers = driver.deployment === "single" ? "1" : "0";
    this.#runs = new Runs(clock);
    this.#wake = new Wake(
      clock,
      (request, granted, told) => this.#runs.start(request, granted, told),
      (token) => this.#runs.endOf(token),
      (ended) => this.#giveBack(ended),
    );
    const timeLimit = <T>(work: Promise<T>) => withDeadline(clock, requestTimeout, undefined, work);
    this.#subscription = new Subscription(driver, clock, timeLimit, this.#wake);
    this.#release = this.#batched(scripts.releaseScript, () => [this.#retention, this.#countsReceivers]);
    this.#extend = this.#batched(scripts.extendScript, () => [this.#retention]);
    this.#retain = this.#batched(scripts.retainScript, () => []);
    this.#adopt = this.#batched(scripts.adoptScript, () => []);
  }

  async attempt(request: AcquireRequest): Promise<AcquireOutcome> {
    const listens = this.#listened.has(request) || this.#subscription.hears(this.#channel(request.prefix));
    return this.#ask(request, request.queue && listens);
  }

  hint(request: AcquireRequest): Promise<Granted | null> {
    return this.#wake.has(request) ? this.#wake.next(request) : this.#listen(request);
  }

  async withdraw(request: AcquireRequest, unanswered: boolean): Promise<void> {
    this.#givenUp.add(request);
    this.#wake.forget(request);
    this.#wake.noteEnded(request);
    // The lock was passed on to it in the turn in which it gave up.
    if (this.#runs.holds(request)) await this.release(request);
    const { prefix, keys, token, ttl, mode } = request;
    const script = cached(this.#withdraw, prefix, () =>
      this.#batched(scripts.withdrawScript, () => [
        this.#channel(prefix),
        this.#retention,
        this.#countsReceivers,
        this.#keep,
      ]),
    );
    const info = this.#info(request);
    await this.#each(request, (part, index) => {
      const inQueue = writeMode(mode, keys.length > 1 ? index + 1 : undefined);
      return script.call(part.key, lockKeys(part), [
        token,
        String(ttl),
        inQueue,
        info,
        unanswered ? "1" : "0",
      ]);
    });
    this.#wake.forgetEnded(request);
  }

  async extend(held: Ownership, ttl: number, fence?: number): Promise<ExtendOutcome> {
    const outcomes = await this.#each(held, async (part): Promise<ExtendOutcome> => {
      const claim = claimOf(held) ?? this.#runs.extendClaim(part);
      const args = [held.token, String(ttl), claim, fence === undefined ? "" : String(fence)];
      const { text, sentAt } = await this.#extend.call(part.key, lockKeys(part), args);
      const [status, left, named] = text.split(" ");
      if (status === "renewed") {
        const validity = { since: sentAt, ttl: readNumber(left) };
        this.#runs.extended(part, validity, named === "1");
        return { status, ...validity };
      }
      if (status !== "expired" && status !== "stolen") throw unreadable(text);
      this.#runs.end(part);
      return { status: "lost", reason: status };
    });
    return this.#shortest(outcomes);
  }

  async release(held: Ownership): Promise<ReleaseOutcome> {
    const [name] = partsOf(held);
    const passed = this.#runs.passOn(name, (handOver) => this.#wake.follower(name, handOver));
    if (passed !== null) {
      this.#wake.noteEnded(held);
      this.#wake.grant(passed.to, passed.granted);
      return "released";
    }
    const outcomes = await this.#each(held, async (part) => {
      const claim = claimOf(held) ?? this.#runs.releaseClaim(part);
      // Served over its process, it stands in the server's queue until this is answered.
      if (isOfRun(claim)) this.#wake.noteEnded(held);
      const { text } = await this.#release.call(part.key, lockKeys(part), [held.token, claim]);
      this.#runs.end(part);
      return readRelease(text);
    });
    this.#wake.forgetEnded(held);
    return outcomes.every((outcome) => outcome === "released") ? "released" : "notHeld";
  }

  async retain(held: Ownership, ms: number): Promise<ReleaseOutcome> {
    const outcomes = await this.#each(held, async (part) => {
      const claim = claimOf(held) ?? this.#runs.releaseClaim(part);
      this.#runs.end(part);
      const { text } = await this.#retain.call(part.key, lockKeys(part), [held.token, claim, String(ms)]);
      return readRelease(text);
    });
    return outcomes.every((outcome) => outcome === "released") ? "released" : "notHeld";
  }

  handOff(held: Ownership): string {
    const [name] = partsOf(held);
    const claim = claimOf(held) ?? this.#runs.releaseClaim(name);
    // Those who were served before it stand in the server's queue until the ticket is adopted, and so does it.
    if (isOfRun(claim)) this.#wake.noteEnded(held);
    this.#runs.end(name);
    return claim;
  }

  async adopt(
    request: AcquireRequest,
    from: string,
    fencingToken: number,
    proof: string,
  ): Promise<ExtendOutcome> {
    const { token, ttl } = request;
    const info = this.#info(request);
    const outcomes = await this.#each(request, async (part): Promise<ExtendOutcome> => {
      const args = [from, token, String(ttl), proof, String(fencingToken), info];
      const { text, sentAt } = await this.#adopt.call(part.key, lockKeys(part), args);
      const [status, left] = text.split(" ");
      if (status === "adopted") return { status: "renewed", since: sentAt, ttl: readNumber(left) };
      if (status !== "expired" && status !== "stolen") throw unreadable(text);
      return { status: "lost", reason: status };
    });
    const outcome = this.#shortest(outcomes);
    const isPartial = outcome.status === "lost" && outcomes.some(({ status }) => status === "renewed");
    if (isPartial) await this.release(request);
    return outcome;
  }

  async forceRelease(name: LockName, token = ""): Promise<boolean> {
    const args = [this.#retention, this.#countsReceivers, token];
    const [done] = await this.#run(name.key, scripts.forceReleaseScript, lockKeys(name), args);
    return done === "1";
  }

  inspect(name: LockName): Promise<LockState | null> {
    return inspectLock(this.#run, name);
  }

  list(prefix: string): AsyncIterable<LockState> {
    return listLocks(this.#run, this.#driver, prefix);
  }

  takesTogether(keys: readonly string[]): boolean {
    // Each key is a hash tag of its own: in a cluster two of them hardly ever share a slot.
    return keys.length === 1 || this.#driver.deployment === "single";
  }

  close(): Promise<void> {
    return this.#subscription.close();
  }

  /** Frees a key that was handed to a request that had ended, unless the same token holds it after all. */
  #giveBack(ended: Ownership): void {
    if (!this.#runs.holds(ended)) this.release(ended).catch(() => undefined);
  }

  #channel(prefix: string): string {
    return `${prefix}:wake:${this.#id}`;
  }

  #batched(script: Script, header: (sentAt: Instant) => readonly string[]) {
    return new BatchedScript(this.#driver, script, this.clock, this.requestTimeout, header);
  }

  /** What the server shows of a request; the same text each time, since a waiter is found by it. */
  #info(request: AcquireRequest): string {
    const { holder, meta, keys, prefix } = request;
    if (keys.length === 1) return writeInfo({ holder, meta });
    const names = keys.map((key) => this.#driver.keyPrefix + lockKey({ prefix, key }));
    return writeInfo({ holder, meta, lockKeys: names });
  }

  /** The first contention of this process: a waiter that cannot be told would count as dead, so listen first. */
  async #listen(request: AcquireRequest): Promise<null> {
    await this.#subscription.listen(this.#channel(request.prefix));
    this.#listened.add(request);
    return null;
  }

  /** Does something for each key of a lease; batched, it all travels as one command. */
  #each<T>(held: Ownership, work: (part: Part, index: number) => Promise<T>): Promise<T[]> {
    return Promise.all(partsOf(held).map(work));
  }

  /** What came of several keys: as much as the worst of them. */
  #shortest(outcomes: readonly ExtendOutcome[]): ExtendOutcome {
    const now = this.clock.now();
    let shortest: Renewed | undefined;
    for (const outcome of outcomes) {
      if (outcome.status === "lost") return outcome;
      if (shortest === undefined || validityLeft(outcome, now) < validityLeft(shortest, now))
        shortest = outcome;
    }
    return shortest ?? { status: "lost", reason: "expired" };
  }

  /** A single run of a script that is not on a hot path. */
  readonly #run: RunOnce = async (key, script, keys, args) => {
    try {
      const work = runScript(this.#driver, script, keys, args);
      return await withDeadline(this.clock, this.requestTimeout, key, work);
    } catch (error) {
      throw error instanceof LockBackendError ? error : backendError(error, key);
    }
  };

  async #ask(request: AcquireRequest, queues: boolean): Promise<AcquireOutcome> {
    const waiter = queues ? this.#wake.enlist(request) : undefined;
    try {
      if (waiter !== undefined) await this.#wake.gather(waiter);
      // Given up while it gathered: `withdraw` has come and gone, so nobody would ever remove it.
      if (this.#givenUp.has(request)) throw refused("withdrawn");
      if (waiter !== undefined) waiter.ready = undefined;
      const { answer, sample } = await this.#answered(
        request,
        waiter === undefined ? "" : String(waiter.ticket),
      );
      const { permits } = request.mode.kind === "permits" ? request.mode : { permits: undefined };
      const otherPermits = answer.otherPermits === permits ? undefined : answer.otherPermits;
      if (waiter !== undefined && answer.rejoined) this.#wake.rejoin(waiter);
      if (answer.status === "granted") {
        this.#wake.forget(request);
        return {
          status: "granted",
          fencingToken: answer.fencingToken,
          since: sample.sentAt,
          ttl: answer.ttl,
          slot: answer.slot,
          otherPermits,
        };
      }
      const { holder, ticket, missing } = answer;
      if (waiter !== undefined) this.#wake.queued(waiter, sample, ticket, holder?.remaining, missing);
      return { status: "busy", holder, otherPermits };
    } catch (error) {
      // Without a place in the queue nothing will wake it: the next attempt enters it again.
      if (waiter?.ticket === 0) this.#wake.forget(request);
      throw error;
    }
  }

  /** Sends an acquire; again where it was refused because the server's time was not known well enough. */
  async #answered(request: AcquireRequest, ticket: string) {
    for (let asked = 1; ; asked++) {
      const { text, sentAt } = await this.#send(request, ticket);
      const answer = readAcquireAnswer(text);
      const sample = { server: answer.now, sentAt, receivedAt: this.clock.now() };
      this.#time = sample;
      if (answer.status === "granted" || answer.status === "busy") return { answer, sample };
      if (answer.status === "withdrawn" || asked === MOST_LATE_ANSWERS) throw refused(answer.status);
    }
  }

  #send(request: AcquireRequest, ticket: string): Promise<Answer> {
    const { prefix, keys, token, ttl, mode } = request;
    const script = cached(this.#acquire, prefix, () =>
      this.#batched(scripts.acquireScript, (sentAt) => [
        this.#notAfter(sentAt),
        this.#retention,
        `${this.#channel(prefix)} ${BELIEVED_ALIVE * 1_000} ${this.#keep} ${this.#countsReceivers}`,
      ]),
    );
    const args = [
      token,
      String(ttl),
      writeMode(mode, keys.length > 1 ? keys.length : undefined),
      ticket,
      this.#info(request),
    ];
    if (keys.length === 1) return script.call(keys[0], lockKeys({ prefix, key: keys[0] }), args);
    const all = keys.flatMap((key) => lockKeys({ prefix, key }));
    return script.call(showKeys(keys), all, args);
  }

  /** Server time, in microseconds, after which a request that is sent now must not be executed any more. */
  #notAfter(sentAt: Instant): string {
    if (this.#time === undefined) return "0";
    return String(serverTimeAt(this.#time, shift(sentAt, this.requestTimeout)));
  }
}

function cached<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function refused(status: "late" | "withdrawn"): LockBackendError {
  const why = status === "late" ? "after its time, by the server's clock" : "after it was given up";
  return new LockBackendError(`redis refused a request that arrived ${why}`, {
    retryable: status === "late",
    ambiguous: false,
  });
}

/** One key of a lease. */
interface Part extends LockName {
  readonly token: string;
}

function partsOf({ prefix, keys, token }: Ownership): [Part, ...Part[]] {
  const [first, ...others] = keys;
  return [{ prefix, key: first, token }, ...others.map((key) => ({ prefix, key, token }))];
}

/** How the scripts are told that a lease is one of many of its key. */
const MANY = "many";

function claimOf({ mode }: Ownership): string | undefined {
  return mode.kind === "exclusive" ? undefined : MANY;
}

/** Whether a claim is of a lock that was passed on within this process. */
function isOfRun(claim: string): boolean {
  return claim !== "" && claim !== MANY;
}

function readRelease(text: string): ReleaseOutcome {
  if (text === "released" || text === "notHeld") return text;
  throw unreadable(text);
}
