import type {
  AcquireRequest,
  ExtendOutcome,
  Granted,
  Ownership,
  ReleaseOutcome,
} from "../../contract/backend.ts";
import type { Instant } from "../../contract/clock.ts";
import { LockBackendError } from "../../contract/errors.ts";
import { showKeys } from "../../contract/key.ts";
import type { LockName } from "../../contract/mode.ts";
import type { BatchCall, Sent } from "./batch.ts";
import { unreadable } from "./faults.ts";
import { lockKey, lockKeys } from "./keys.ts";
import { writeMode } from "./modes.ts";

/** A lease of one key. */
export interface Part extends LockName {
  readonly token: string;
}

/** A lease, key by key: what is sent for each in one turn travels as one command. */
export function partsOf({ prefix, keys, token }: Ownership): [Part, ...Part[]] {
  const [first, ...others] = keys;
  return [{ prefix, key: first, token }, ...others.map((key) => ({ prefix, key, token }))];
}

/** An answer of a script, and when its request left. */
export interface Answer {
  readonly text: string;
  readonly sentAt: Instant;
}

/** A request about one lock whose answer is a text. */
export class TextCall implements BatchCall {
  readonly key: string;
  readonly #keys: readonly string[];

  constructor(
    name: LockName,
    private readonly args: readonly string[],
    private readonly resolve: (answer: Answer) => void,
    readonly reject: (error: unknown) => void,
  ) {
    this.key = name.key;
    this.#keys = lockKeys(name);
  }

  get lock(): unknown {
    return this.#keys[0];
  }

  write(keys: string[], args: string[]): void {
    keys.push(...this.#keys);
    args.push(...this.args);
  }

  answered(reply: number | string, { at }: Sent): void {
    this.resolve({ text: String(reply), sentAt: at });
  }
}

const DIGITS = /^\d+$/;

/** What is sent of an acquire beside its request. */
export interface AcquireText {
  /** The place in the queue; 0 where it has none yet. */
  readonly ticket: number;
  readonly info: string;
  /** An argument that a vote has beside those of an acquire. */
  readonly more: string | undefined;
}

/** An acquire, or a vote: of one lock, or of several at once. */
export class AcquireCall implements BatchCall {
  constructor(
    private readonly request: AcquireRequest,
    private readonly text: AcquireText,
    private readonly resolve: (answer: Granted | Answer) => void,
    readonly reject: (error: unknown) => void,
  ) {}

  get key(): string {
    return showKeys(this.request.keys);
  }

  get lock(): unknown {
    const { keys, prefix } = this.request;
    // Should it be refused for its several slots, it must not fail others.
    return keys.length === 1 ? lockKeys({ prefix, key: keys[0] })[0] : this;
  }

  write(keys: string[], args: string[]): void {
    const { keys: names, prefix, token, ttl, mode, waiters, queue } = this.request;
    const { ticket, info, more } = this.text;
    for (const key of names) keys.push(...lockKeys({ prefix, key }));
    // When it leaves, as many as came until then wait together.
    const asked = writeMode(mode, names.length > 1 ? names.length : undefined, waiters);
    args.push(token, String(ttl), asked, queue ? String(ticket) : "", info);
    if (more !== undefined) args.push(more);
  }

  answered(reply: number | string, { at }: Sent): void {
    if (typeof reply === "string" && !DIGITS.test(reply)) {
      this.resolve({ text: reply, sentAt: at });
      return;
    }
    const fencingToken = Number(reply);
    if (!Number.isSafeInteger(fencingToken)) this.reject(unreadable(reply));
    else {
      const { ttl } = this.request;
      // Without a place it would have stood where the server's clock was, by which fencing tokens are counted, too.
      const place = this.text.ticket || fencingToken;
      this.resolve({ status: "granted", fencingToken, place, since: at, ttl });
    }
  }
}

/** A renewal of one exclusive lease. */
export class RenewCall implements BatchCall {
  readonly lock: string;

  constructor(
    private readonly part: Part,
    private readonly ttl: number,
    private readonly resolve: (outcome: ExtendOutcome) => void,
    readonly reject: (error: unknown) => void,
  ) {
    this.lock = lockKey(part);
  }

  get key(): string {
    return this.part.key;
  }

  write(keys: string[], args: string[]): void {
    keys.push(this.lock);
    args.push(this.part.token, String(this.ttl));
  }

  answered(reply: number | string, { at }: Sent): void {
    const left = Number(reply);
    if (reply === "expired" || reply === "stolen") this.resolve({ status: "lost", reason: reply });
    else if (!Number.isSafeInteger(left)) this.reject(unreadable(reply));
    else this.resolve({ status: "renewed", since: at, ttl: left });
  }
}

/** A release of one lock. */
export class ReleaseCall implements BatchCall {
  constructor(
    private readonly part: Part,
    /** As in `release.lua`. */
    private readonly heldBy: string,
    /** The client's open connections. */
    private readonly connections: () => readonly object[] | undefined,
    private readonly resolve: (outcome: ReleaseOutcome) => void,
    readonly reject: (error: unknown) => void,
  ) {}

  get key(): string {
    return this.part.key;
  }

  get lock(): unknown {
    return lockKeys(this.part)[0];
  }

  write(keys: string[], args: string[]): void {
    keys.push(...lockKeys(this.part));
    args.push(this.part.token, this.heldBy);
  }

  answered(reply: number | string, { connections: before = [] }: Sent): void {
    if (reply !== "released" && reply !== "notHeld") this.reject(unreadable(reply));
    else if (reply === "released") this.resolve(reply);
    else {
      const now = this.connections() ?? [];
      if (before.every((connection) => now.includes(connection))) this.resolve(reply);
      else this.reject(sentTwice(this.key));
    }
  }
}

/** What the first sending did is not known. */
function sentTwice(key: string): LockBackendError {
  const text = "the connection was lost while a release was under way, and the client sent it again";
  return new LockBackendError(text, { key, retryable: true, ambiguous: true });
}
