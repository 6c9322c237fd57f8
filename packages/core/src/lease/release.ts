import type { ReleaseOutcome } from "../contract/backend.ts";
import type { Instant } from "../contract/clock.ts";
import { asBackendError } from "../contract/errors.ts";
import { showKeys } from "../contract/key.ts";
import { retry } from "../contract/retry.ts";
import type { ReleaseResult } from "./lease.ts";
import type { LeaseContext } from "./lease-context.ts";
import type { Renewal } from "./renewal.ts";
import type { Successors } from "./successors.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** A release is tried again for this long when the backend cannot be reached, ms. */
const LIMIT = 1_000;

/** How the keys of a lease are freed at the server. */
export class Release {
  /** The last run has failed: another one may help. */
  hasFailed = false;
  /** What was sent was never answered: it may have come through. */
  #mayBeFree = false;

  constructor(
    private readonly context: LeaseContext,
    private readonly held: TrackedRequest,
    private readonly fencingToken: number,
    private readonly renewal: Renewal,
    private readonly successors: Successors | undefined,
  ) {}

  /** One try: at once, or when `minHold` is over. */
  free(now: Instant): Promise<ReleaseOutcome> {
    const { backend } = this.context;
    const keep = this.renewal.time.minHoldLeft(now);
    const fences = this.successors?.unused;
    try {
      if (keep <= 0 && fences === undefined) return backend.release(this.held);
      return backend.release(this.held, { after: Math.max(0, Math.ceil(keep)), fences });
    } catch (fault) {
      return Promise.reject(fault);
    }
  }

  /** @throws LockBackendError when the backend cannot be reached */
  run(): Promise<ReleaseResult> {
    const { backend, underWay } = this.context;
    const since = backend.clock.now();
    this.hasFailed = false;
    underWay.begin();
    const first = this.free(since);
    return first.then(
      (outcome) => this.#freed(outcome),
      () => this.#tryAgain(first, since),
    );
  }

  async #tryAgain(first: Promise<ReleaseOutcome>, since: Instant): Promise<ReleaseResult> {
    const { clock } = this.context.backend;
    const key = showKeys(this.held.keys);
    let trying: Promise<ReleaseOutcome> | undefined = first;
    const free = async () => {
      try {
        return await (trying ?? this.free(clock.now()));
      } catch (error) {
        trying = undefined;
        this.context.faulted(error);
        this.#mayBeFree ||= asBackendError(error, key).ambiguous;
        throw error;
      }
    };
    const isOver = (waited: number) => waited > LIMIT;
    try {
      return this.#freed(await retry(clock, { key, keepAlive: true, isOver, since }, free));
    } catch (error) {
      this.hasFailed = true;
      // The caller waits no longer, but after a failover others would, for as long as the ttl.
      if (asBackendError(error, key).retryable && this.renewal.time.minHoldLeft(clock.now()) <= 0) {
        this.#mayBeFree = true;
        this.context.cancel(this.held);
      }
      this.context.underWay.end();
      throw error;
    }
  }

  #freed(outcome: ReleaseOutcome): ReleaseResult {
    const { backend, events, underWay } = this.context;
    // After an unanswered try that came through, the key is not ours while our lease still stands.
    const came = this.#mayBeFree && this.renewal.left(backend.clock.now()) > 0;
    const isReleased = outcome === "released" || came;
    if (events.hears("released")) {
      const held = this.renewal.time.heldFor(backend.clock.now());
      const outcome = isReleased ? "released" : "notHeld";
      events.emit("released", this.held, { fencingToken: this.fencingToken, outcome, held });
    }
    underWay.end();
    return isReleased ? "released" : "expired";
  }
}
