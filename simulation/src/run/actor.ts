import { isLockError, type Lease, type LeaseTicket, LockTimeoutError, LockUsageError } from "@lock/core";
import type { HoldOperation, OtherOperation } from "../story/story.ts";
import { type AcquireEnd, type Attempt, nameOf, pausedBetween } from "./history.ts";
import type { Player, Stage } from "./stage.ts";

/** What actors tell of what they do. */
export interface Recorder {
  begun(attempt: Attempt): void;
  ended(attempt: Attempt, lease?: Lease): void;
  /** The returned function is told when that has ended, and whether it was answered. */
  forced(player: Player, key: string): (isAnswered: boolean) => void;
  closed(player: Player): void;
  say(player: Player, what: string): void;
}

/** Does what the operations of a story say, as the program of a user does it. */
export class Actor {
  /** The id of the acquire that was told to begin last. */
  #lastId: number | undefined;
  readonly #attempts = new Map<number, Attempt>();
  /** The ids of leases by their fencing tokens: an adopted one begins with no acquire. */
  readonly #granted = new Map<number, number>();

  constructor(
    private readonly stage: Stage,
    private readonly player: Player,
    private readonly recorder: Recorder,
  ) {
    const { locks, process } = player;
    locks.on("acquiring", ({ id }) => {
      this.#lastId = id;
    });
    locks.on("acquired", ({ id, fencingToken }) => this.#granted.set(fencingToken, id));
    locks.on("waiting", ({ id }) => {
      const attempt = this.#attempts.get(id);
      if (attempt !== undefined) attempt.waitingAt ??= stage.world.timeline.now;
    });
    locks.on("extended", ({ id, validFor }) => {
      const attempt = this.#attempts.get(id);
      if (attempt === undefined) return;
      const before = attempt.validUntil ?? 0;
      attempt.validUntil = process.trueTimeIn(validFor);
      if (attempt.isClockStepped) return;
      attempt.shortenedBy = Math.max(attempt.shortenedBy ?? 0, before - attempt.validUntil);
    });
  }

  async hold(place: number, operation: HoldOperation): Promise<void> {
    const attempt = this.#begin(place, operation, false);
    const { signal, stop } = this.#signal(operation);
    // What is refused at once is not told to begin.
    this.#lastId = undefined;
    const acquiring = this.#acquire(operation, signal);
    if (this.#lastId !== undefined) this.#attempts.set(this.#lastId, attempt);
    this.recorder.begun(attempt);
    let lease: Lease;
    try {
      lease = await acquiring;
    } catch (error) {
      attempt.error = error;
      this.#end(attempt, endOf(error, this.player.isClosed));
      return;
    } finally {
      stop();
    }
    this.#believe(attempt, lease);
    await this.#work(attempt, lease, operation);
  }

  async other(operation: OtherOperation): Promise<void> {
    const { locks } = this.player;
    if (operation.kind === "close") {
      this.recorder.closed(this.player);
      return locks.close();
    }
    const ended = this.recorder.forced(this.player, operation.key);
    try {
      await locks.forceRelease(operation.key);
      ended(true);
    } catch (error) {
      if (!isLockError(error)) throw error;
      ended(false);
    }
  }

  async adopt(place: number, operation: HoldOperation, ticket: LeaseTicket): Promise<void> {
    const attempt = this.#begin(place, operation, true);
    this.recorder.begun(attempt);
    let lease: Lease;
    try {
      lease = await this.player.locks.adopt(ticket);
    } catch (error) {
      attempt.error = error;
      this.#end(attempt, "ticket refused");
      return;
    }
    const id = this.#granted.get(lease.fencingToken);
    if (id !== undefined) this.#attempts.set(id, attempt);
    this.#believe(attempt, lease);
    await this.#pause(operation.hold / 2, lease);
    await this.#release(attempt, lease, operation);
  }

  #begin(operation: number, { mode, keys, wait }: HoldOperation, isAdopted: boolean): Attempt {
    const invokedAt = this.stage.world.timeline.now;
    return { operation, isAdopted, process: this.player.process.name, mode, keys, wait, invokedAt };
  }

  #acquire(operation: HoldOperation, signal: AbortSignal | undefined): Promise<Lease> {
    const { locks } = this.player;
    const { mode, keys, ttl, wait, minHold, maxHold, renew } = operation;
    const options = { ttl, wait, minHold, maxHold, renew, signal };
    const [key = ""] = keys;
    switch (mode.kind) {
      case "exclusive":
        return locks.acquire(keys, options);
      case "read":
      case "write":
        return locks.readWrite(keys)[mode.kind].acquire(options);
      case "permits":
        if (locks.semaphore === undefined) break;
        return locks.semaphore(key, { permits: mode.permits }).acquire(options);
      case "slot":
        if (locks.pool === undefined) break;
        return locks.pool(key, { size: mode.size }).acquire({ ...options, slot: mode.slot });
    }
    throw new Error("a quorum has no permits");
  }

  #signal({ abortAfter }: HoldOperation): { signal: AbortSignal | undefined; stop(): void } {
    if (abortAfter === undefined) return { signal: undefined, stop: () => undefined };
    const controller = new AbortController();
    const timer = this.player.process.setTimer(() => controller.abort(new Error("gave up")), abortAfter);
    return { signal: controller.signal, stop: () => timer.cancel() };
  }

  #believe(attempt: Attempt, lease: Lease): void {
    attempt.fencingToken = lease.fencingToken;
    attempt.slot = (lease as { slot?: number }).slot;
    attempt.validUntil = this.player.process.trueTimeIn(lease.validFor);
    lease.signal.addEventListener("abort", () => {
      attempt.lostAt = this.stage.world.timeline.now;
      this.recorder.say(this.player, `${nameOf(attempt)} lost: ${Object(lease.signal.reason).reason}`);
    });
    this.#end(attempt, "granted", lease);
  }

  #end(attempt: Attempt, end: AcquireEnd, lease?: Lease): void {
    const { now } = this.stage.world.timeline;
    const { name, pauses } = this.player.process;
    attempt.end = end;
    attempt.endedAt = now;
    const named = pauses.map((pause) => ({ process: name, ...pause }));
    attempt.pausedWhileWaiting = pausedBetween(named, name, attempt.invokedAt, now);
    this.recorder.ended(attempt, lease);
  }

  async #work(attempt: Attempt, lease: Lease, operation: HoldOperation): Promise<void> {
    const { hold, extendTo, ticketTo } = operation;
    await this.#pause(hold / 2, lease);
    this.#look(attempt, lease);
    if (extendTo !== undefined) await lease.extend(extendTo).catch(() => undefined);
    if (ticketTo !== undefined && this.#giveAway(attempt, lease, operation, ticketTo)) return;
    await this.#pause(hold / 2, lease);
    await this.#release(attempt, lease, operation);
  }

  #giveAway(attempt: Attempt, lease: Lease, operation: HoldOperation, to: number): boolean {
    const { timeline } = this.stage.world;
    let ticket: string;
    try {
      ticket = JSON.stringify(lease.toTicket());
    } catch (error) {
      if (!isLockError(error)) throw error;
      return false;
    }
    attempt.handedOverAt = timeline.now;
    this.recorder.say(this.player, `${nameOf(attempt)} gives a ticket to process ${to + 1}`);
    const taker = this.takers[to];
    const adopt = () => void taker?.adopt(attempt.operation, operation, JSON.parse(ticket));
    timeline.after(1, () => taker?.player.process.read(adopt));
    return true;
  }

  /** The actors of all processes, by their place. */
  takers: readonly Actor[] = [];

  /** As a program does before it writes. */
  #look(attempt: Attempt, lease: Lease): void {
    try {
      lease.assertHeld();
      if (lease.validFor <= 0) attempt.isBelievedPastEnd = true;
    } catch (error) {
      if (!isLockError(error)) throw error;
    }
  }

  async #release(attempt: Attempt, lease: Lease, { minHold }: HoldOperation): Promise<void> {
    const { timeline } = this.stage.world;
    this.#look(attempt, lease);
    attempt.releaseInvokedAt = timeline.now;
    const isPassedOn = this.#isWaitedFor(attempt);
    attempt.release = await lease.release().catch(() => "failed" as const);
    attempt.releasedAt = timeline.now;
    // On a quorum, the last nodes may hear of it later. To others of its process, the key goes with its owner token.
    const isFree = attempt.release === "released" && minHold === 0 && !isPassedOn;
    const isAtOnce = isFree && this.stage.sites.length === 1;
    if (isAtOnce) attempt.isStillThere = this.stage.sites.some(({ server }) => server.knows(lease.token));
    this.recorder.say(this.player, `${nameOf(attempt)} released: ${attempt.release}`);
  }

  /** Whether others of its process wait for what it has. */
  #isWaitedFor({ keys }: Attempt): boolean {
    return [...this.#attempts.values()].some((other) => other.end === undefined && other.keys[0] === keys[0]);
  }

  /** Works for so long, or until the lease is lost. */
  #pause(ms: number, { signal }: Lease): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.player.process.setTimer(resolve, ms);
      signal.addEventListener("abort", () => {
        timer.cancel();
        resolve();
      });
      if (signal.aborted) resolve();
    });
  }
}

function endOf(error: unknown, isClosed: boolean): AcquireEnd {
  if (error instanceof LockTimeoutError) return error.waited > 0 ? "timeout" : "busy";
  if (error instanceof LockUsageError && isClosed) return "closed";
  return isLockError(error) ? "failed" : "aborted";
}
