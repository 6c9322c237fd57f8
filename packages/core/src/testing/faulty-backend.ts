import { adminOf } from "../contract/admin.ts";
import type {
  AcquireOutcome,
  AcquireRequest,
  Change,
  ExtendOutcome,
  Granted,
  LockBackend,
  ReleaseOutcome,
  ReleaseTerms,
} from "../contract/backend.ts";
import { LockBackendError } from "../contract/errors.ts";

/** The methods that can be made to fail; `adopt` is an extend by which a lease changes its owner. */
export type BackendMethod = "tryAcquire" | "cancel" | "extend" | "release" | "adopt";

type Fault =
  | { readonly kind: "fail"; readonly error: Error; times: number }
  | { readonly kind: "lose answer"; times: number }
  | { readonly kind: "hang"; readonly until: Promise<void>; times: number };

/** A real backend between which and its user faults can be planted. */
export class FaultyBackend implements LockBackend {
  readonly name: string;
  readonly #faults = new Map<BackendMethod, Fault>();
  /** How often each method was called. */
  readonly calls: Record<BackendMethod, number> = {
    tryAcquire: 0,
    cancel: 0,
    extend: 0,
    release: 0,
    adopt: 0,
  };

  constructor(private readonly inner: LockBackend) {
    this.name = `faulty ${inner.name}`;
  }

  get clock() {
    return this.inner.clock;
  }

  get requestTimeout() {
    return this.inner.requestTimeout;
  }

  get admin() {
    return adminOf(this.inner);
  }

  get messages() {
    return this.inner.messages;
  }

  get capabilities() {
    return this.inner.capabilities;
  }

  /** The next calls are not executed and reject. */
  fail(method: BackendMethod, error: Error = outage(false), times = 1): void {
    this.#faults.set(method, { kind: "fail", error, times });
  }

  /** The next calls are executed, but their callers hear of a lost connection. */
  loseAnswer(method: BackendMethod, times = 1): void {
    this.#faults.set(method, { kind: "lose answer", times });
  }

  /** Calls are executed at once, but answered only after the returned function was called. */
  hang(method: BackendMethod): () => void {
    let release = () => {};
    const until = new Promise<void>((resume) => {
      release = resume;
    });
    this.#faults.set(method, { kind: "hang", until, times: Number.POSITIVE_INFINITY });
    return release;
  }

  /** No more faults. */
  heal(): void {
    this.#faults.clear();
  }

  tryAcquire(request: AcquireRequest): Promise<AcquireOutcome> {
    return this.#call("tryAcquire", () => this.inner.tryAcquire(request));
  }

  cancel(request: AcquireRequest, unanswered: boolean): Promise<void> {
    return this.#call("cancel", () => this.inner.cancel(request, unanswered));
  }

  extend(held: AcquireRequest, ttl: number, change?: Change): Promise<ExtendOutcome> {
    const method = change?.from === undefined ? "extend" : "adopt";
    return this.#call(method, () => this.inner.extend(held, ttl, change));
  }

  onTaken(listener: (token: string) => void): () => void {
    return this.inner.onTaken?.(listener) ?? (() => undefined);
  }

  handOff(held: AcquireRequest): string {
    return this.inner.handOff?.(held) ?? "";
  }

  release(held: AcquireRequest, terms?: ReleaseTerms): Promise<ReleaseOutcome> {
    return this.#call("release", () => this.inner.release(held, terms));
  }

  waitForTurn(request: AcquireRequest): Promise<Granted | null> {
    return this.inner.waitForTurn(request);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  async #call<T>(method: BackendMethod, work: () => Promise<T>): Promise<T> {
    this.calls[method] += 1;
    const fault = this.#faults.get(method);
    if (fault === undefined || fault.times === 0) return work();
    fault.times -= 1;
    if (fault.kind === "fail") throw fault.error;
    const result = await work();
    if (fault.kind === "lose answer") throw outage(true);
    await fault.until;
    return result;
  }
}

function outage(ambiguous: boolean): LockBackendError {
  return new LockBackendError("planted fault: connection lost", { retryable: true, ambiguous });
}
