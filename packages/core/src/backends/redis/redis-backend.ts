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
} from "../../backend.ts";
import { type Clock, type Instant, shift, systemClock } from "../../clock.ts";
import { LockBackendError } from "../../errors.ts";
import { checkDuration } from "../../options.ts";
import type { RedisDriver } from "./driver.ts";
import { backendError, unreadable } from "./faults.ts";
import { keyOf, lockKeys, scanPattern } from "./keys.ts";
import { readAcquireAnswer, readHolderState, readNumber, readWaiterState, writeInfo } from "./replies.ts";
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
const WAITERS_SHOWN = 100;
const SCAN_COUNT = "500";

/**
 * Grants leases on one Redis server (or a cluster of them) through a driver. What happens on the server is in
 * `scripts/`; this class packs requests and reads answers.
 */
export class RedisBackend implements LockBackend {
  readonly name = "redis";
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
      (token) => this.#runs.end({ token }),
      (ended) => this.#giveBack(ended),
    );
    const timeLimit = <T>(work: Promise<T>) => withDeadline(clock, requestTimeout, undefined, work);
    this.#subscription = new Subscription(driver, clock, timeLimit, this.#wake);
    this.#release = this.#batched(scripts.releaseScript, () => [this.#retention, this.#countsReceivers]);
    this.#extend = this.#batched(scripts.extendScript, () => []);
  }

  async attempt(request: AcquireRequest): Promise<AcquireOutcome> {
    const listens = this.#listened.has(request) || this.#subscription.hears(this.#channel(request.prefix));
    return this.#ask(request, request.queue && listens);
  }

  async hint(request: AcquireRequest): Promise<Granted | null> {
    if (this.#wake.has(request)) return this.#wake.next(request);
    // The first contention of this process: a waiter that cannot be told would count as dead, so listen first.
    await this.#subscription.listen(this.#channel(request.prefix));
    this.#listened.add(request);
    return null;
  }

  async withdraw(request: AcquireRequest, unanswered: boolean): Promise<void> {
    this.#givenUp.add(request);
    this.#wake.forget(request);
    this.#wake.noteEnded(request);
    // The lock was passed on to it in the turn in which it gave up.
    if (this.#runs.holds(request.token)) await this.release(request);
    const { prefix, token, ttl } = request;
    const script = cached(this.#withdraw, prefix, () =>
      this.#batched(scripts.withdrawScript, () => [
        this.#channel(prefix),
        this.#retention,
        this.#countsReceivers,
        this.#keep,
      ]),
    );
    const args = [token, String(ttl), writeInfo(request), unanswered ? "1" : "0"];
    await script.call(request.key, lockKeys(request), args);
    this.#wake.forgetEnded(request);
  }

  async extend(held: Ownership, ttl: number): Promise<ExtendOutcome> {
    const [lock, , queue] = lockKeys(held);
    const args = [held.token, String(ttl), this.#runs.extendClaim(held)];
    const { text, sentAt } = await this.#extend.call(held.key, [lock, queue], args);
    const [status, left, named] = text.split(" ");
    if (status === "renewed") {
      const validity = { since: sentAt, ttl: readNumber(left) };
      this.#runs.extended(held, validity, named === "1");
      return { status, ...validity };
    }
    if (status !== "expired" && status !== "stolen") throw unreadable(text);
    this.#runs.end(held);
    return { status: "lost", reason: status };
  }

  async release(held: Ownership): Promise<ReleaseOutcome> {
    const passed = this.#runs.passOn(held, (handOver) => this.#wake.follower(held, handOver));
    if (passed !== null) {
      this.#wake.noteEnded(held);
      this.#wake.grant(passed.to, passed.granted);
      return "released";
    }
    const claim = this.#runs.releaseClaim(held);
    // Served over its process, it stands in the server's queue until this is answered.
    if (claim !== "") this.#wake.noteEnded(held);
    const { text } = await this.#release.call(held.key, lockKeys(held), [held.token, claim]);
    this.#wake.forgetEnded(held);
    this.#runs.end(held);
    if (text === "released" || text === "notHeld") return text;
    throw unreadable(text);
  }

  async forceRelease(name: LockName, token = ""): Promise<boolean> {
    const args = [this.#retention, this.#countsReceivers, token];
    const [done] = await this.#run(name.key, scripts.forceReleaseScript, lockKeys(name), args);
    return done === "1";
  }

  async inspect(name: LockName): Promise<LockState | null> {
    const [lock, , queue] = lockKeys(name);
    const state = await this.#run(name.key, scripts.inspectScript, [lock, queue], [String(WAITERS_SHOWN)]);
    const [value, pttl, waiting, ...waiters] = state;
    if (value === undefined) return null;
    return {
      key: name.key,
      mode: "exclusive",
      holders: [readHolderState(value, pttl)],
      waiters: waiters.map(readWaiterState),
      waiting: readNumber(waiting),
    };
  }

  async *list(prefix: string): AsyncIterable<LockState> {
    const pattern = scanPattern(this.#driver.keyPrefix, prefix);
    let cursor = "0";
    do {
      const [next = "0", ...found] = await this.#run(
        undefined,
        scripts.scanScript,
        [],
        [cursor, pattern, SCAN_COUNT],
      );
      cursor = next;
      for (const redisKey of found) {
        const key = keyOf(this.#driver.keyPrefix, prefix, redisKey);
        const state = key === null ? null : await this.inspect({ prefix, key });
        if (state !== null) yield state;
      }
    } while (cursor !== "0");
  }

  close(): Promise<void> {
    return this.#subscription.close();
  }

  /** Frees a key that was handed to a request that had ended, unless the same token holds it after all. */
  #giveBack(ended: Ownership): void {
    if (!this.#runs.holds(ended.token)) this.release(ended).catch(() => undefined);
  }

  #channel(prefix: string): string {
    return `${prefix}:wake:${this.#id}`;
  }

  #batched(script: Script, header: (sentAt: Instant) => readonly string[]) {
    return new BatchedScript(this.#driver, script, this.clock, this.requestTimeout, header);
  }

  /** A single run of a script that is not on a hot path. */
  async #run(key: string | undefined, script: Script, keys: readonly string[], args: readonly string[]) {
    try {
      const work = runScript(this.#driver, script, keys, args);
      return await withDeadline(this.clock, this.requestTimeout, key, work);
    } catch (error) {
      throw error instanceof LockBackendError ? error : backendError(error, key);
    }
  }

  async #ask(request: AcquireRequest, queues: boolean): Promise<AcquireOutcome> {
    const waiter = queues ? this.#wake.enlist(request) : undefined;
    try {
      if (waiter !== undefined) await this.#wake.gather(waiter);
      // Given up while it gathered: `withdraw` has come and gone, so nobody would ever remove it.
      if (this.#givenUp.has(request)) throw refused("withdrawn");
      const { answer, sample } = await this.#answered(request, waiter?.ticket ?? "");
      if (waiter !== undefined && answer.rejoined) this.#wake.rejoin(waiter);
      if (answer.status === "granted") {
        this.#wake.forget(request);
        return {
          status: "granted",
          fencingToken: answer.fencingToken,
          since: sample.sentAt,
          ttl: answer.ttl,
        };
      }
      if (waiter !== undefined) this.#wake.queued(waiter, sample, answer.ticket, answer.holder.remaining);
      return { status: "busy", holder: answer.holder };
    } catch (error) {
      // Without a place in the queue nothing will wake it: the next attempt enters it again.
      if (waiter?.ticket === "0") this.#wake.forget(request);
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
    const { prefix, token, ttl } = request;
    const script = cached(this.#acquire, prefix, () =>
      this.#batched(scripts.acquireScript, (sentAt) => [
        this.#notAfter(sentAt),
        this.#retention,
        `${this.#channel(prefix)} ${BELIEVED_ALIVE * 1_000} ${this.#keep} ${this.#countsReceivers}`,
      ]),
    );
    return script.call(request.key, lockKeys(request), [token, String(ttl), ticket, writeInfo(request)]);
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
