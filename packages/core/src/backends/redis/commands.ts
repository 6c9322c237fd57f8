import type {
  AcquireRequest,
  Change,
  ExtendOutcome,
  Granted,
  ReleaseOutcome,
  ReleaseTerms,
} from "../../contract/backend.ts";
import type { Instant } from "../../contract/clock.ts";
import { LockBackendError } from "../../contract/errors.ts";
import { newOwnerToken } from "../../contract/host.ts";
import { showKeys } from "../../contract/key.ts";
import type { LockMode, LockName } from "../../contract/mode.ts";
import { Batch, type BatchedScript, LARGEST_BATCH } from "./batch.ts";
import { AcquireCall, type Answer, type Part, partsOf, ReleaseCall, RenewCall, TextCall } from "./calls.ts";
import type { CommandsOptions, RunOnce } from "./commands-options.ts";
import type { Ask, Electable } from "./electable.ts";
import { backendError, refused, unreadable } from "./faults.ts";
import { lockKey, wakeChannel } from "./keys.ts";
import * as scripts from "./lua/index.ts";
import { writeMode } from "./modes.ts";
import { type AcquireAnswer, readAcquireAnswer, readNumber, writeInfo } from "./replies.ts";
import type { Script } from "./script.ts";
import { runScript, withDeadline } from "./script-runner.ts";

/** A process that waits is believed alive this long after its last request for the key: three missed ones. */
const BELIEVED_ALIVE = 3_000;
/** A queue about which no process asks goes away by itself. */
const KEEP_QUEUE = 10_000;

/** Renewals come by the thousands, and each takes the server a few microseconds. */
const LARGEST_RENEWAL = 288;

/** What was decided about an acquire or a vote, beyond a grant at once. */
export interface Decided {
  readonly status: "decided";
  readonly answer: Exclude<AcquireAnswer, { status: "cancelled" }>;
  readonly sentAt: Instant;
}

/** Packs requests for the scripts and reads their answers. */
export class Commands {
  readonly #retention: string;
  readonly #keep: string;
  readonly #acquire = new Map<string, Batch>();
  readonly #cancel = new Map<string, Batch>();
  readonly #release: Batch;
  readonly #forceRelease: Batch;
  readonly #releaseAfter: Batch;
  readonly #extend: Batch;
  /** Extends of exclusive leases, of which there are the most. */
  readonly #renew: Batch;
  readonly #connections: () => readonly object[] | undefined;

  constructor(private readonly options: CommandsOptions) {
    const { driver, fenceRetention, requestTimeout, time } = options;
    this.#retention = String(fenceRetention);
    this.#keep = String(Math.max(KEEP_QUEUE, 2 * requestTimeout));
    this.#connections = () => driver.connections?.();
    const retention = [this.#retention];
    this.#release = this.#batch(scripts.releaseScript, () => retention);
    this.#forceRelease = this.#batch(scripts.forceReleaseScript, (sentAt) => [
      this.#keep,
      time.notAfter(sentAt),
    ]);
    this.#releaseAfter = this.#batch(scripts.releaseAfterScript, () => []);
    this.#extend = this.#batch(scripts.extendScript, () => retention);
    this.#renew = this.#batch(scripts.renewScript, () => [], { most: LARGEST_RENEWAL });
  }

  /**
   * Sends an acquire, or, by another batch and with one argument more, a vote. What comes of it is a grant for the whole
   * ttl, or what `decide` makes of the answer. @throws LockBackendError
   */
  ask(
    request: AcquireRequest,
    ticket: number,
    batch = this.#acquireBatch(request.prefix),
    more?: string,
  ): Promise<Granted | Answer> {
    const text = { ticket, info: this.#info(request), more };
    return new Promise((resolve, reject) => batch.add(new AcquireCall(request, text, resolve, reject)));
  }

  /**
   * What was decided about an acquire or a vote, which is asked again where it was refused because the server's time was
   * not known well enough. @throws LockBackendError
   */
  async decide(request: AcquireRequest, first: Answer, ticket: number, ask: Ask): Promise<Granted | Decided> {
    const { time } = this.options;
    const said = await time.inTime(showKeys(request.keys), first, () => ask(ticket));
    if (!("text" in said)) return said;
    const answer = readAcquireAnswer(said.text);
    time.learn(answer.now);
    if (answer.status === "cancelled") throw refused(answer.status);
    return { status: "decided", answer, sentAt: said.sentAt };
  }

  async cancel(request: AcquireRequest, unanswered: boolean): Promise<void> {
    const { prefix, keys, token, ttl, mode } = request;
    const channel = wakeChannel(prefix, this.options.process);
    const make = () => this.#batch(scripts.cancelScript, () => [channel, this.#keep]);
    const batch = cached(this.#cancel, prefix, make);
    const info = this.#info(request);
    const parts = partsOf(request).map((part, index) => {
      const inQueue = writeMode(mode, keys.length > 1 ? index + 1 : undefined);
      return this.#tell(batch, part, [token, String(ttl), inQueue, info, unanswered ? "1" : "0"]);
    });
    await Promise.all(parts);
  }

  release(part: Part, mode: LockMode, { after = 0, fences }: ReleaseTerms = {}): Promise<ReleaseOutcome> {
    if (after > 0) return this.#releaseLater(part, mode, after);
    const held = fences === undefined ? heldBy(mode) : `${fences.used}:${fences.last}`;
    return new Promise((resolve, reject) => {
      this.#release.add(new ReleaseCall(part, held, this.#connections, resolve, reject));
    });
  }

  async #releaseLater(part: Part, mode: LockMode, ms: number): Promise<ReleaseOutcome> {
    const { text } = await this.#tell(this.#releaseAfter, part, [part.token, heldBy(mode), String(ms)]);
    if (text === "released" || text === "notHeld") return text;
    throw unreadable(text);
  }

  async extend(part: Part, held: AcquireRequest, ttl: number, change: Change = {}): Promise<ExtendOutcome> {
    const { fence, holder, from } = change;
    const isPlain = fence === undefined && holder === undefined && from === undefined;
    if (isPlain && held.mode.kind === "exclusive") return this.#renewed(part, ttl);
    const heldFor = holder === undefined ? "" : Math.max(0, Math.round(holder.heldFor * 1_000));
    const info = holder === undefined && from === undefined ? "" : this.#info(held);
    const fencingToken = from?.fencingToken ?? holder?.fence ?? "";
    const changes = [fence ?? "", from?.token ?? "", fencingToken, heldFor, holder?.reserve ?? 0, info];
    const args = [part.token, ttl, heldBy(held.mode), ...changes].map(String);
    return readExtend(await this.#tell(this.#extend, part, args));
  }

  #renewed(part: Part, ttl: number): Promise<ExtendOutcome> {
    return new Promise((resolve, reject) => this.#renew.add(new RenewCall(part, ttl, resolve, reject)));
  }

  async forceRelease(name: LockName, token: string): Promise<boolean> {
    const id = newOwnerToken();
    const channels = wakeChannel(name.prefix, "");
    const send = () => this.#tell(this.#forceRelease, name, [token, id, channels]);
    const { text } = await this.options.time.inTime(name.key, await send(), send);
    return text === "1";
  }

  async notify(channel: string, text: string): Promise<void> {
    await this.run(undefined, scripts.notifyScript, [], [channel, text]);
  }

  /** A single run of a script that is not on a hot path. */
  readonly run: RunOnce = async (key, script, keys, args, on = this.options.driver) => {
    const { clock, requestTimeout } = this.options;
    try {
      return await withDeadline(clock, requestTimeout, key, runScript(on, script, keys, args));
    } catch (error) {
      throw error instanceof LockBackendError ? error : backendError(error, key);
    }
  };

  get electable(): Omit<Electable, "attempt"> {
    return {
      requestTimeout: this.options.requestTimeout,
      parts: scripts.acquireParts,
      run: this.run,
      batch: (prefix, script, lastKey) =>
        this.#batch(script, this.#acquireHeader(prefix), { lastKeys: [lastKey] }),
      ask: (...asked) => this.ask(...asked),
    };
  }

  #tell(batch: Batch, name: LockName, args: readonly string[]): Promise<Answer> {
    return new Promise((resolve, reject) => batch.add(new TextCall(name, args, resolve, reject)));
  }

  #batch(script: Script, header: BatchedScript["header"], more: Partial<BatchedScript> = {}): Batch {
    return new Batch(this.options, { script, most: LARGEST_BATCH, header, ...more });
  }

  #acquireBatch(prefix: string): Batch {
    const tail = (now: unknown) => this.options.time.learn(readNumber(String(now)));
    const make = () => this.#batch(scripts.acquireScript, this.#acquireHeader(prefix), { tail });
    return cached(this.#acquire, prefix, make);
  }

  #acquireHeader(prefix: string): BatchedScript["header"] {
    const process = `${wakeChannel(prefix, this.options.process)} ${BELIEVED_ALIVE * 1_000} ${this.#keep}`;
    return (sentAt) => [this.options.time.notAfter(sentAt), this.#retention, process];
  }

  /** What the server shows of a request; the same text each time, since a waiter is found by it. */
  #info(request: AcquireRequest): string {
    const { holder, meta, keys, prefix } = request;
    const { process, driver } = this.options;
    if (keys.length === 1) return writeInfo({ process, holder, meta });
    const names = keys.map((key) => driver.keyPrefix + lockKey({ prefix, key }));
    return writeInfo({ process, holder, meta, lockKeys: names });
  }
}

/** How the scripts are told that a lease is one of many of its key, or may be. */
function heldBy({ kind }: LockMode): "one" | "many" {
  return kind === "exclusive" ? "one" : "many";
}

function readExtend({ text, sentAt }: Answer): ExtendOutcome {
  const [status, left, first, last] = text.split(" ");
  if (status === "expired" || status === "stolen") return { status: "lost", reason: status };
  if (status !== "renewed") throw unreadable(text);
  const fences = last === undefined ? undefined : { first: readNumber(first), last: readNumber(last) };
  return { status, since: sentAt, ttl: readNumber(left), fences };
}

function cached<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
