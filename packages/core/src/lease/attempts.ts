import type { AcquireOutcome } from "../contract/backend.ts";
import { type LockBackendError, QuorumError, UnconfirmedGrantError } from "../contract/errors.ts";
import { newOwnerToken } from "../contract/host.ts";
import { showKeys } from "../contract/key.ts";
import { Doubt } from "../contract/unexplained.ts";
import type { AcquireContext } from "./acquire-context.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** What went wrong with the attempts of one position. */
interface Faults {
  readonly count: number;
  /** Since the last answer. */
  readonly last?: LockBackendError;
  readonly doubt?: Doubt;
}

/** The attempts of one request, and what they left at the backend. */
export class Attempts {
  #request: TrackedRequest;
  #count = 0;
  /** From the first fault on: most that wait meet none. */
  #faults: Faults | undefined;
  /** The server has queued it, and has not been told otherwise. */
  #isQueued = false;
  /** An attempt that is on its way, or that was sent and never answered, may still arrive. */
  #sent: "nothing" | "asking" | "unanswered" = "nothing";
  /** Where it stands in the queue. */
  #place: number | undefined;

  constructor(
    private readonly context: AcquireContext,
    request: TrackedRequest,
  ) {
    this.#request = request;
  }

  get request(): TrackedRequest {
    return this.#request;
  }

  /** What the backend failed with, if it has not answered since. */
  get fault(): LockBackendError | undefined {
    return this.#faults?.last;
  }

  /** As often asked as the caller allows. */
  get areExhausted(): boolean {
    const { limit } = this.#request.retry ?? {};
    return limit !== undefined && !this.context.backend.capabilities.queue && this.#count > limit;
  }

  send(): Promise<AcquireOutcome> {
    if (this.#sent === "nothing") this.#sent = "asking";
    try {
      return this.context.backend.tryAcquire(this.#request);
    } catch (fault) {
      return Promise.reject(fault);
    }
  }

  /** What an attempt was answered. @throws whatever the backend fails with */
  async heard(attempting: Promise<AcquireOutcome>): Promise<AcquireOutcome> {
    const { context } = this;
    const request = this.#request;
    this.#count += 1;
    const outcome = await attempting;
    this.#place = outcome.place ?? this.#place;
    // A grant is to be undone like an attempt until somebody has it.
    if (outcome.status === "busy") this.#settle();
    if (this.#faults !== undefined) this.#faults = { count: this.#faults.count };
    if (outcome.votes !== undefined) context.voted(request, outcome.votes);
    if (outcome.otherPermits !== undefined) context.permitsDiffer(request, outcome.otherPermits);
    if (outcome.status === "busy") this.#isQueued ||= request.queue;
    return outcome;
  }

  /** What a fault means: which one it is, and for how long it is worth asking again, ms. */
  note(fault: LockBackendError): { readonly count: number; readonly worth: number } {
    const { clock, requestTimeout } = this.context.backend;
    const { count = 0, doubt = new Doubt(clock, requestTimeout) } = this.#faults ?? {};
    this.#faults = { count: count + 1, last: fault, doubt };
    this.#settle();
    if (fault instanceof UnconfirmedGrantError) this.#giveBack();
    else if (fault.ambiguous) this.#sent = "unanswered";
    if (fault instanceof QuorumError) this.context.voted(this.#request, async () => fault.votes);
    const isForOthers = fault instanceof UnconfirmedGrantError && !this.context.renewsTokens;
    const isLasting = !fault.retryable || isForOthers || this.areExhausted;
    return { count: count + 1, worth: isLasting ? 0 : doubt.leftAfter(fault) };
  }

  tooLate(): UnconfirmedGrantError {
    const { keys, ttl } = this.#request;
    const key = showKeys(keys);
    const text = `${JSON.stringify(key)} was granted, but the answer took longer than a ttl of ${ttl} ms allows`;
    return new UnconfirmedGrantError(text, key);
  }

  /** Nobody waits for it any more. */
  cancel(): void {
    const unanswered = this.#sent !== "nothing";
    if (!(unanswered || this.#isQueued)) return;
    this.#sent = "nothing";
    this.#isQueued = false;
    this.context.cancel(this.#request, unanswered);
  }

  /** Undoes a grant that does not count, in the background, and goes on under another owner token. */
  #giveBack(): void {
    this.context.cancel(this.#request, true);
    this.#request = { ...this.#request, token: newOwnerToken(), place: this.#place };
    this.#isQueued = false;
  }

  #settle(): void {
    if (this.#sent === "asking") this.#sent = "nothing";
  }
}
