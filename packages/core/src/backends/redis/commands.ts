import type {
  AcquireRequest,
  Enrolment,
  ExtendOutcome,
  Membership,
  Ownership,
  ReleaseOutcome,
} from "../../contract/backend.ts";
import { type Instant, ranFor, shift } from "../../contract/clock.ts";
import { LockBackendError } from "../../contract/errors.ts";
import { randomText } from "../../contract/host.ts";
import { showKeys } from "../../contract/key.ts";
import type { LockMode, LockName } from "../../contract/mode.ts";
import { newOwnerToken } from "../../contract/owner-token.ts";
import type { ScriptRunner } from "./driver.ts";
import { backendError, unreadable } from "./faults.ts";
import { lockKey, lockKeys, memberKey } from "./keys.ts";
import * as scripts from "./lua/index.ts";
import { writeMode } from "./modes.ts";
import { type AcquireAnswer, readAcquireAnswer, readLate, readNumber, writeInfo } from "./replies.ts";
import type { Script } from "./script.ts";
import { type Answer, BatchedScript, type BatchOptions, runScript, withDeadline } from "./script-runner.ts";
import { serverTimeAt, type TimeSample } from "./server-time.ts";

/** A lease of one key. */
export interface Part extends LockName {
  readonly token: string;
}

/** What all requests to one server have in common. Durations are milliseconds. */
export interface CommandsOptions extends BatchOptions {
  readonly fenceRetention: number;
  /** On which this process is told to ask. */
  channelOf(prefix: string): string;
}

/** A process that waits is believed alive this long after its last request for the key: three missed ones. */
const BELIEVED_ALIVE = 3_000;
/** A queue about which no process asks goes away by itself. */
const KEEP_QUEUE = 10_000;
/** The server's time is unknown before the first answer: that one only tells it. More would be a clock that runs. */
const MOST_LATE_ANSWERS = 3;

type Decided = Exclude<AcquireAnswer, { status: "cancelled" }>;

/** Runs a script that is not on a hot path. */
export type RunOnce = (
  key: string | undefined,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
  /** Where; by its keys if left out. */
  on?: ScriptRunner,
) => Promise<readonly string[]>;

/** Packs requests for the scripts and reads their answers. */
export class Commands {
  readonly #retention: string;
  readonly #keep: string;
  readonly #acquire = new Map<string, BatchedScript>();
  /** By prefix: see `lua/member.lua`. */
  readonly #vote = new Map<string, { readonly mark: string; readonly script: BatchedScript }>();
  /** By prefix: the run id and the time of a server that was no member when it was asked. */
  readonly #stranger = new Map<string, readonly [string, string]>();
  readonly #cancel = new Map<string, BatchedScript>();
  readonly #release: BatchedScript;
  readonly #forceRelease: BatchedScript;
  readonly #retain: BatchedScript;
  readonly #extend: BatchedScript;
  readonly #adopt: BatchedScript;
  #time: TimeSample | undefined;

  constructor(private readonly options: CommandsOptions) {
    const { fenceRetention, requestTimeout } = options;
    this.#retention = String(fenceRetention);
    this.#keep = String(Math.max(KEEP_QUEUE, 2 * requestTimeout));
    const retention = [this.#retention];
    this.#release = this.#batched(scripts.releaseScript, () => retention);
    this.#forceRelease = this.#batched(scripts.forceReleaseScript, (sentAt) => [
      this.#retention,
      this.#keep,
      this.#notAfter(sentAt),
    ]);
    this.#retain = this.#batched(scripts.retainScript, () => []);
    this.#extend = this.#batched(scripts.extendScript, () => retention);
    this.#adopt = this.#batched(scripts.adoptScript, () => []);
  }

  /**
   * Sends an acquire, or, with the least fencing token that is proposed, a vote; again where it was refused because the
   * server's time was not known well enough. @throws LockBackendError
   */
  async acquire(
    request: AcquireRequest,
    ticket: number,
    proposed: number | undefined,
  ): Promise<{ readonly answer: Decided; readonly sentAt: Instant }> {
    const place = request.queue ? String(ticket) : "";
    const send = () => this.#sendAcquire(request, place, proposed);
    const { text, sentAt } = await this.#inTime(showKeys(request.keys), send);
    const answer = readAcquireAnswer(text);
    this.#learnTime(answer.now);
    if (answer.status === "cancelled") throw refused(answer.status);
    return { answer, sentAt };
  }

  /** What was answered to a request that the server refuses when it arrives late. @throws LockBackendError where it did */
  async #inTime(key: string, send: () => Promise<Answer>): Promise<Answer> {
    const { clock, requestTimeout } = this.options;
    let sending = send();
    let firstSentAt: Instant | undefined;
    for (let asked = 1; ; asked++) {
      const answer = await sending;
      const now = readLate(answer.text);
      if (now === undefined) return answer;
      this.#learnTime(now);
      firstSentAt ??= answer.sentAt;
      const left = requestTimeout - ranFor(firstSentAt, clock.now());
      if (asked === MOST_LATE_ANSWERS || left <= 0) throw refused("late");
      sending = withDeadline(clock, left, key, send());
    }
  }

  #learnTime(server: number): void {
    this.#time = { server, receivedAt: this.options.clock.now() };
  }

  /** When an acquire was answered last, by the monotonic clock. */
  get answeredAt(): number | undefined {
    return this.#time?.receivedAt.mono;
  }

  /** Whether it is known how the server votes: that is so once it has been found to be a member. */
  mayVote(prefix: string): boolean {
    return this.#vote.has(prefix);
  }

  async enroll(prefix: string, { votesIn, durable }: Enrolment): Promise<Membership> {
    const key = memberKey(prefix);
    const id = randomText(12);
    const [run, now] = this.#stranger.get(prefix) ?? ["-", "0"];
    const terms = [votesIn === undefined ? "" : String(votesIn), durable ? "1" : ""];
    const args = [id, ...terms, run, now, String(this.options.requestTimeout)];
    const [text = ""] = await this.run(undefined, scripts.enrollScript, [key], args);
    if (text === "restarted") return { status: text };
    const [server = "", mark = "", left = ""] = text.split(" ");
    if (server === "stranger") {
      this.#stranger.set(prefix, [mark, left]);
      return { status: server };
    }
    if (this.#vote.get(prefix)?.mark !== mark) {
      const script = this.#batched(scripts.voteScript(mark), this.#acquireHeader(prefix), [key]);
      this.#vote.set(prefix, { mark, script });
    }
    return { status: "member", id: server, votesIn: readNumber(left) };
  }

  async cancel(request: AcquireRequest, unanswered: boolean): Promise<void> {
    const { prefix, keys, token, ttl, mode } = request;
    const script = cached(this.#cancel, prefix, () =>
      this.#batched(scripts.cancelScript, () => [
        this.options.channelOf(prefix),
        this.#retention,
        this.#keep,
      ]),
    );
    const info = this.#info(request);
    const parts = partsOf(request).map((part, index) => {
      const inQueue = writeMode(mode, keys.length > 1 ? index + 1 : undefined);
      const args = [token, String(ttl), inQueue, info, unanswered ? "1" : "0"];
      return script.call(part.key, lockKeys(part), args);
    });
    await Promise.all(parts);
  }

  async release(part: Part, mode: LockMode): Promise<ReleaseOutcome> {
    const isOnce = this.#watchConnections();
    const args = [part.token, heldBy(mode)];
    const outcome = readRelease(await this.#release.call(part.key, lockKeys(part), args));
    if (outcome === "notHeld" && !isOnce()) throw sentTwice(part.key);
    return outcome;
  }

  async retain(part: Part, mode: LockMode, ms: number): Promise<ReleaseOutcome> {
    const args = [part.token, heldBy(mode), String(ms)];
    return readRelease(await this.#retain.call(part.key, lockKeys(part), args));
  }

  async extend(part: Part, mode: LockMode, ttl: number, fence: number | undefined): Promise<ExtendOutcome> {
    const args = [part.token, String(ttl), heldBy(mode), fence === undefined ? "" : String(fence)];
    return readExtend(await this.#extend.call(part.key, lockKeys(part), args), "renewed");
  }

  async adopt(part: Part, request: AcquireRequest, from: string): Promise<ExtendOutcome> {
    const args = [from, part.token, String(request.ttl), heldBy(request.mode), this.#info(request)];
    return readExtend(await this.#adopt.call(part.key, lockKeys(part), args), "adopted");
  }

  async forceRelease(name: LockName, token: string): Promise<boolean> {
    const id = newOwnerToken();
    const send = () => this.#forceRelease.call(name.key, lockKeys(name), [token, id]);
    const { text } = await this.#inTime(name.key, send);
    return text === "1";
  }

  /** Whether what is sent now has surely been executed once only, asked when it is answered. */
  #watchConnections(): () => boolean {
    const { driver } = this.options;
    const before = driver.connections?.() ?? [];
    return () => {
      const now = driver.connections?.() ?? [];
      return before.every((connection) => now.includes(connection));
    };
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

  #batched(
    script: Script,
    header: (sentAt: Instant) => readonly string[],
    lastKeys: readonly string[] = [],
  ): BatchedScript {
    return new BatchedScript(this.options, script, header, lastKeys);
  }

  #sendAcquire(request: AcquireRequest, ticket: string, proposed: number | undefined): Promise<Answer> {
    const { prefix, keys, token, ttl, mode } = request;
    const script = proposed === undefined ? this.#acquireScript(prefix) : this.#voteScript(prefix);
    const asked = writeMode(mode, keys.length > 1 ? keys.length : undefined);
    const args = [token, String(ttl), asked, ticket, this.#info(request)];
    if (proposed !== undefined) args.push(String(proposed));
    if (keys.length === 1) return script.call(keys[0], lockKeys({ prefix, key: keys[0] }), args);
    const all = keys.flatMap((key) => lockKeys({ prefix, key }));
    return script.call(showKeys(keys), all, args);
  }

  #acquireScript(prefix: string): BatchedScript {
    return cached(this.#acquire, prefix, () =>
      this.#batched(scripts.acquireScript, this.#acquireHeader(prefix)),
    );
  }

  #voteScript(prefix: string): BatchedScript {
    const vote = this.#vote.get(prefix);
    if (vote === undefined) throw new Error("a node votes when it has been enrolled");
    return vote.script;
  }

  #acquireHeader(prefix: string): (sentAt: Instant) => readonly string[] {
    const alive = BELIEVED_ALIVE * 1_000;
    const process = `${this.options.channelOf(prefix)} ${alive} ${this.#keep}`;
    return (sentAt) => [this.#notAfter(sentAt), this.#retention, process];
  }

  /** Server time, in microseconds, after which a request that is sent now must not be executed any more. */
  #notAfter(sentAt: Instant): string {
    if (this.#time === undefined) return "0";
    return String(serverTimeAt(this.#time, shift(sentAt, this.options.requestTimeout)));
  }

  /** What the server shows of a request; the same text each time, since a waiter is found by it. */
  #info(request: AcquireRequest): string {
    const { holder, meta, keys, prefix } = request;
    if (keys.length === 1) return writeInfo({ holder, meta });
    const names = keys.map((key) => this.options.driver.keyPrefix + lockKey({ prefix, key }));
    return writeInfo({ holder, meta, lockKeys: names });
  }
}

/** A lease, key by key: what is sent for each in one turn travels as one command. */
export function partsOf({ prefix, keys, token }: Ownership): [Part, ...Part[]] {
  const [first, ...others] = keys;
  return [{ prefix, key: first, token }, ...others.map((key) => ({ prefix, key, token }))];
}

/** How the scripts are told that a lease is one of many of its key, or may be. */
function heldBy({ kind }: LockMode): "one" | "many" {
  return kind === "exclusive" ? "one" : "many";
}

function refused(status: "late" | "cancelled"): LockBackendError {
  const why = status === "late" ? "too late, by the server's clock" : "after it was given up";
  return new LockBackendError(`redis refused a request that arrived ${why}`, {
    retryable: status === "late",
    ambiguous: false,
  });
}

/** What the first sending did is not known. */
function sentTwice(key: string): LockBackendError {
  const text = "the connection was lost while a release was under way, and the client sent it again";
  return new LockBackendError(text, { key, retryable: true, ambiguous: true });
}

function readExtend({ text, sentAt }: Answer, done: string): ExtendOutcome {
  const [status, left] = text.split(" ");
  if (status === done) return { status: "renewed", since: sentAt, ttl: readNumber(left) };
  if (status !== "expired" && status !== "stolen") throw unreadable(text);
  return { status: "lost", reason: status };
}

function readRelease({ text }: Answer): ReleaseOutcome {
  if (text === "released" || text === "notHeld") return text;
  throw unreadable(text);
}

function cached<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
