import type {
  AcquireRequest,
  ExtendOutcome,
  Granted,
  Membership,
  QuorumNode,
  ReleaseOutcome,
  Vote,
} from "../../../src/backend.ts";
import { InProcessBackend } from "../../../src/backends/in-process/in-process-backend.ts";
import { elapsed, type Instant } from "../../../src/clock.ts";
import { LockBackendError } from "../../../src/errors.ts";
import type { Validity } from "../../../src/timing.ts";
import type { Random } from "./random.ts";
import type { MachineClock, Timeline } from "./timeline.ts";

/** How bad the network is. Probabilities of one message, and milliseconds. */
export interface Weather {
  readonly loss: number;
  readonly duplicate: number;
  readonly slow: number;
  readonly slowest: number;
  /** As the Redis backend has it: then a request has failed, and is refused by the node should it still arrive. */
  readonly requestTimeout: number;
}

/** As the Redis backend has it: waiters ask again. */
const SILENCE = 1_000;

/** One server: it may be away for a while, and come back with its data or without. */
export class SimulatedNode {
  isDown = false;
  #backend: InProcessBackend;
  #withdrawn = new Set<string>();
  #incarnation = 0;

  constructor(
    readonly clock: MachineClock,
    /** A wrong server: it votes although it has lost its data. */
    private readonly votesAnyway: boolean,
  ) {
    this.#backend = new InProcessBackend({ clock });
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  loseData(): void {
    this.#backend = new InProcessBackend({ clock: this.clock });
    this.#withdrawn = new Set();
    this.#incarnation += 1;
  }

  async vote(request: AcquireRequest, fence: number): Promise<Vote> {
    if (this.#withdrawn.has(request.token)) throw refused();
    if (this.votesAnyway) await this.#backend.enroll(request.prefix, { votesIn: 0, durable: false });
    return this.#backend.vote(request, fence);
  }

  async withdraw(request: AcquireRequest, unanswered: boolean): Promise<void> {
    if (unanswered) this.#withdrawn.add(request.token);
    await this.#backend.withdraw(request);
  }

  get backend(): InProcessBackend {
    return this.#backend;
  }
}

/** The connection of one client to one node: what a backend is to the quorum. */
export class Link {
  readonly #hints = new Map<string, () => void>();

  constructor(
    private readonly timeline: Timeline,
    private readonly random: Random,
    private readonly weather: Weather,
    readonly clock: MachineClock,
    private readonly node: SimulatedNode,
  ) {}

  /** As much of a `QuorumNode` as leases need. */
  get backend(): QuorumNode {
    const { clock, node } = this;
    const link: Partial<QuorumNode> = {
      name: "simulated",
      clock,
      requestTimeout: this.weather.requestTimeout,
      grantsPermits: true,
      takesTogether: () => true,
      vote: (request, fence) => this.#call<Vote>(() => node.vote(request, fence)),
      enroll: (...asked) => this.#call<Membership>(() => node.backend.enroll(...asked)),
      extend: (held, ttl, fence) => this.#call<ExtendOutcome>(() => node.backend.extend(held, ttl, fence)),
      release: (held) => this.#call<ReleaseOutcome>(() => node.backend.release(held)),
      withdraw: (request, unanswered) => this.#withdraw(request, unanswered),
      hint: (request) => this.#hint(request),
      close: async () => undefined,
    };
    return link as QuorumNode;
  }

  #withdraw(request: AcquireRequest, unanswered: boolean): Promise<void> {
    this.#hints.get(request.token)?.();
    return this.#call(() => this.node.withdraw(request, unanswered));
  }

  #hint(request: AcquireRequest): Promise<Granted | null> {
    return new Promise((resolve) => {
      const { token } = request;
      const tell = (news: Granted | null) => {
        if (!this.#hints.delete(token)) return;
        timer.cancel();
        resolve(news);
      };
      const timer = this.clock.setTimer(() => tell(null), SILENCE);
      this.#hints.set(token, () => tell(null));
      const { incarnation } = this.node;
      this.node.backend.hint(request).then((news) => {
        if (this.node.isDown || this.node.incarnation !== incarnation) return;
        if (!this.random.chance(this.weather.loss)) this.#toClient(() => tell(news));
      });
    });
  }

  #call<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { loss, duplicate, requestTimeout } = this.weather;
      const sent = this.timeline.now;
      const sentAt = this.clock.now();
      const timer = this.clock.setTimer(() => reject(unanswered()), requestTimeout);
      const answer = (settle: () => void) => {
        if (this.random.chance(loss)) return;
        this.#toClient(() => {
          timer.cancel();
          settle();
        });
      };
      const arrive = () => {
        if (this.node.isDown) return;
        // The server's clock tells it that it is too late.
        if (this.timeline.now - sent > requestTimeout) return;
        work().then(
          (value) => {
            const told = this.#translate(value, sentAt);
            answer(() => resolve(told));
          },
          (error) => answer(() => reject(error)),
        );
      };
      if (!this.random.chance(loss)) this.timeline.after(this.#delay(), arrive);
      if (this.random.chance(duplicate)) this.timeline.after(this.#delay(), arrive);
    });
  }

  /** As the Redis backend does it: what a node has left counts from when it was asked, by the client's clock. */
  #translate<T>(value: T, sentAt: Instant): T {
    const { since, ttl } = Object(value) as Partial<Validity>;
    if (since === undefined || ttl === undefined) return value;
    return { ...value, since: sentAt, ttl: Math.floor(ttl - elapsed(since, this.node.clock.now())) };
  }

  #toClient(run: () => void): void {
    this.timeline.after(this.#delay(), () => this.clock.whenAwake(run));
  }

  #delay(): number {
    const { slow, slowest } = this.weather;
    return this.random.chance(slow) ? this.random.between(1, slowest) : this.random.between(0.1, 2);
  }
}

function unanswered(): LockBackendError {
  return new LockBackendError("the simulated node did not answer", { retryable: true, ambiguous: true });
}

function refused(): LockBackendError {
  return new LockBackendError("the simulated node refused a withdrawn request", {
    retryable: false,
    ambiguous: false,
  });
}
