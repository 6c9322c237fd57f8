import type {
  AcquireRequest,
  Enrolment,
  Member,
  Membership,
  NodeBackend,
  Vote,
  Voter,
} from "../../contract/backend.ts";
import { elapsed, type Instant, ranFor } from "../../contract/clock.ts";
import { asBackendError } from "../../contract/errors.ts";
import { poll } from "./poll.ts";

/** A vote, and how long it took to come, ms. */
export type CastVote = Vote & { readonly took: number };

/** One of the independent backends of a quorum, and whether it answers. */
export class Node {
  /** When each question that is not answered yet was asked; the oldest comes first. */
  readonly #pending = new Set<{ readonly since: Instant }>();
  #voted = true;
  readonly #enrolled = new Map<string, Member>();
  /** Prefixes of which it was a member, and is not any more. */
  readonly #lost = new Set<string>();

  constructor(
    readonly backend: NodeBackend,
    private readonly voter: Voter,
    readonly name: string,
    private readonly timeout: number,
  ) {}

  /**
   * Whether a question has been pending for longer than it may: then it is asked for no more votes before that one is
   * answered or has failed. Otherwise questions would pile up in front of a node that is away.
   */
  get isSilent(): boolean {
    const [oldest] = this.#pending;
    return oldest !== undefined && ranFor(oldest.since, this.backend.clock.now()) > this.timeout;
  }

  /** Whether it votes, as far as is known: one that does not is no place to wait at. */
  get votes(): boolean {
    return this.#voted && !this.isSilent;
  }

  /** Settles when this has settled, or the node's time is over. */
  async inTime(work: Promise<unknown>): Promise<void> {
    await poll(this.backend.clock, this.timeout, [work]);
  }

  /** What is known of its membership. */
  membership(prefix: string): Member | undefined {
    return this.#enrolled.get(prefix);
  }

  /** Whether it has forgotten its membership. */
  hasLost(prefix: string): boolean {
    return this.#lost.has(prefix);
  }

  /** Asks whether it is a member, and may make it one. */
  async enroll(prefix: string, enrolment: Enrolment): Promise<Membership> {
    const membership = await this.ask(() => this.voter.enroll(prefix, enrolment));
    if (membership.status === "member") this.#enrolled.set(prefix, membership);
    return membership;
  }

  /** Asks it for a vote. */
  async vote(request: AcquireRequest, fence: number): Promise<CastVote> {
    const { clock } = this.backend;
    const since = clock.now();
    try {
      const vote = await this.ask(() => this.voter.vote(request, fence));
      this.#voted = vote.status !== "abstained";
      if (vote.status === "abstained" && !vote.isMember) this.#forget(request.prefix);
      return { ...vote, took: elapsed(since, clock.now()) };
    } catch (error) {
      const { ambiguous, retryable } = asBackendError(error, request.keys[0]);
      // What is refused for good is refused to this request: a key of another program, or one that was given up.
      if (ambiguous || retryable) this.#voted = false;
      throw error;
    }
  }

  #forget(prefix: string): void {
    if (this.#enrolled.delete(prefix)) this.#lost.add(prefix);
  }

  /** Asks it something. */
  async ask<T>(question: (backend: NodeBackend) => Promise<T>): Promise<T> {
    const pending = { since: this.backend.clock.now() };
    this.#pending.add(pending);
    try {
      return await question(this.backend);
    } finally {
      this.#pending.delete(pending);
    }
  }
}
