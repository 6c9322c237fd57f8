import { EventEmitter } from "node:events";
import type { Admin } from "../../contract/admin.ts";
import type {
  AcquireOutcome,
  AcquireRequest,
  Capabilities,
  Change,
  ExtendOutcome,
  NodeBackend,
  Ownership,
  ReleaseOutcome,
  ReleaseTerms,
  Renewed,
  Vote,
} from "../../contract/backend.ts";
import type { Clock } from "../../contract/clock.ts";
import { randomText } from "../../contract/host.ts";
import { validityLeft } from "../../contract/validity.ts";
import { RedisAdmin } from "./admin.ts";
import { type Part, partsOf } from "./calls.ts";
import { Commands } from "./commands.ts";
import type { RedisDriver } from "./driver.ts";
import type { Ask, Electable } from "./electable.ts";
import { unreadable } from "./faults.ts";
import { wakeChannel } from "./keys.ts";
import { RedisMessages } from "./messages.ts";
import { checkOptions, type RedisBackendOptions } from "./options.ts";
import { Replication } from "./replication.ts";
import { readTaken } from "./replies.ts";
import { withDeadline } from "./script-runner.ts";
import { ServerTime } from "./server-time.ts";
import { Slots } from "./slots.ts";
import { Subscription } from "./subscription.ts";
import { Wake } from "./wake.ts";

export type { RedisBackendOptions } from "./options.ts";

/** Grants leases on one Redis, or one Redis Cluster. A single server may be a node of a quorum. */
export interface RedisLockBackend extends NodeBackend {
  readonly name: "redis";
  readonly capabilities: Capabilities & { readonly permits: true };
  /** What `quorumBackend` needs of it. */
  readonly electable: Electable;
}

const OF_SERVERS = { queue: true, permits: true, severalKeys: "always", fences: true } as const;
/** Each key is a hash tag of its own: two of them hardly ever share a slot. */
const OF_CLUSTERS = { ...OF_SERVERS, severalKeys: "never" } as const;

/** Milliseconds between two looks whether messages come in: a waiter that is not told loses up to half a second. */
const PROBE_FOR_WAITERS = 400;
/** Messages only save time. */
const PROBE_FOR_MESSAGES = 5_000;

/**
 * Grants leases on one Redis server (or a cluster of them) through a driver. What happens on the server is in
 * `lua/`, what is sent to it in `commands.ts`; this class knows the waiters.
 */
export class RedisBackend implements RedisLockBackend {
  readonly name = "redis";
  readonly clock: Clock;
  readonly requestTimeout: number;
  readonly admin: Admin;
  readonly messages: RedisMessages;
  readonly electable: Electable;
  readonly #commands: Commands;
  readonly #slots: Slots;
  readonly #wake: Wake;
  readonly #subscription: Subscription;
  readonly #replication: Replication;
  readonly #hints = new EventEmitter().setMaxListeners(0);
  readonly #id = randomText(12);
  #isClosed = false;
  readonly #givenUp = new WeakSet<AcquireRequest>();

  constructor(driver: RedisDriver, options: RedisBackendOptions = {}) {
    const { requestTimeout, fenceRetention, minReplicas, clock } = checkOptions(options);
    this.clock = clock;
    this.requestTimeout = requestTimeout;
    this.#slots = new Slots(driver);
    const slots = this.#slots;
    const time = new ServerTime(clock, requestTimeout);
    const traffic = { waiting: 0, unanswered: 0 };
    const server = { driver, clock, requestTimeout, fenceRetention, slots, traffic };
    this.#commands = new Commands({ ...server, time, process: this.#id });
    const attempt: Electable["attempt"] = (request, ask) => this.#attempt(request, ask);
    this.electable = { ...this.#commands.electable, attempt };
    this.#replication = new Replication({ ...server, minReplicas });
    const inTime = <T>(work: Promise<T>) => withDeadline(clock, requestTimeout, undefined, work);
    this.admin = new RedisAdmin(this.#commands, driver, inTime);
    this.messages = new RedisMessages({
      publish: (channel, text) => this.#commands.notify(channel, text),
      listen: async (channel, prefix) => {
        await this.#subscription.listen(channel);
        this.#subscription.watch(this.#channel(prefix));
      },
      ended: () => this.#closeIfUnused(),
    });
    this.#wake = new Wake(clock);
    this.#subscription = new Subscription({
      clock,
      requestTimeout,
      open: (...how) => driver.openSubscriber(...how),
      answeredAt: () => time.toldAt,
      publish: (channel, text) => this.#commands.notify(channel, text),
      pace: () => this.#pace(),
      message: (text) => this.messages.receive(text) || this.#hint(text),
      resumed: () => this.#wake.resumed(),
    });
  }

  get capabilities() {
    return this.#slots.matter ? OF_CLUSTERS : OF_SERVERS;
  }

  async tryAcquire(request: AcquireRequest): Promise<AcquireOutcome> {
    const outcome = await this.#attempt(request, (ticket) => this.#commands.ask(request, ticket));
    if (outcome.status === "abstained") throw unreadable(outcome.status);
    if (outcome.status === "granted" && this.#replication.isAsked) {
      await this.#replication.confirm(partsOf(request)[0]);
    }
    return outcome;
  }

  waitForTurn(request: AcquireRequest): Promise<null> {
    return this.#wake.next(request);
  }

  cancel(request: AcquireRequest, unanswered: boolean): Promise<void> {
    this.#givenUp.add(request);
    this.#wake.forget(request);
    return this.#commands.cancel(request, unanswered);
  }

  async extend(held: AcquireRequest, ttl: number, change?: Change): Promise<ExtendOutcome> {
    const outcomes = await each(held, (part) => this.#commands.extend(part, held, ttl, change));
    const outcome = this.#shortest(outcomes);
    const isPartial = outcome.status === "lost" && outcomes.some(({ status }) => status === "renewed");
    // The others are their owner's, who hears of it; these are nobody's.
    if (isPartial && change?.from !== undefined) await this.release(held);
    return outcome;
  }

  release(held: AcquireRequest, terms?: ReleaseTerms): Promise<ReleaseOutcome> {
    const { keys, mode, prefix, token } = held;
    if (keys.length === 1) return this.#commands.release({ prefix, key: keys[0], token }, mode, terms);
    return this.#releaseAll(held, terms);
  }

  async #releaseAll(held: AcquireRequest, terms?: ReleaseTerms): Promise<ReleaseOutcome> {
    const outcomes = await each(held, (part) => this.#commands.release(part, held.mode, terms));
    return outcomes.every((outcome) => outcome === "released") ? "released" : "notHeld";
  }

  onTaken(listener: (token: string) => void): () => void {
    this.#hints.on("taken", listener);
    return () => void this.#hints.off("taken", listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closeIfUnused();
  }

  /** Others may share this backend, and go on. */
  #closeIfUnused(): void {
    if (this.#isClosed && this.#pace() === undefined) this.#subscription.close();
  }

  async #attempt(request: AcquireRequest, ask: Ask): Promise<Vote> {
    const ticket = this.#wake.asking(request) || (request.place ?? 0);
    const first = await ask(ticket);
    const said = "text" in first ? await this.#commands.decide(request, first, ticket, ask) : first;
    if (said.status === "granted") {
      this.#wake.forget(request);
      return said;
    }
    const { answer, sentAt } = said;
    if (answer.status === "abstained") {
      this.#wake.forget(request);
      return answer;
    }
    const otherPermits = otherPermitsOf(request, answer.otherPermits);
    if (answer.status === "granted") {
      this.#wake.forget(request);
      const { fencingToken, lastFence, ttl, slot } = answer;
      const place = ticket || fencingToken;
      return { status: "granted", fencingToken, lastFence, place, since: sentAt, ttl, slot, otherPermits };
    }
    const { holder } = answer;
    // A request that was given up meanwhile has had its `cancel`: nothing would ever forget it.
    if (request.queue && !this.#givenUp.has(request)) {
      this.#wake.queued(request, { ...answer, remaining: holder?.remaining });
      this.#subscription.watch(this.#channel(request.prefix));
    }
    return { status: "busy", place: answer.ticket || undefined, holder, otherPermits };
  }

  #hint(text: string): void {
    const taken = readTaken(text);
    if (taken === null) this.#wake.message(text);
    else this.#hints.emit("taken", taken);
  }

  /** How often to make sure that messages come in. */
  #pace(): number | undefined {
    if (this.#wake.isWaiting) return PROBE_FOR_WAITERS;
    return this.messages.isHeard ? PROBE_FOR_MESSAGES : undefined;
  }

  #channel(prefix: string): string {
    return wakeChannel(prefix, this.#id);
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

async function each<T>(held: Ownership, work: (part: Part) => Promise<T>): Promise<T[]> {
  const [first, ...others] = partsOf(held);
  return others.length === 0 ? [await work(first)] : Promise.all([first, ...others].map(work));
}

function otherPermitsOf({ mode }: AcquireRequest, others: number | undefined): number | undefined {
  return mode.kind === "permits" && others !== mode.permits ? others : undefined;
}
