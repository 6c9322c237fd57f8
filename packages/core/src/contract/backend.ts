import type { Admin } from "./admin.ts";
import type { Clock } from "./clock.ts";
import type { QuorumVote, SeenHolder } from "./errors.ts";
import type { Messages } from "./messages.ts";
import type { LockMode } from "./mode.ts";
import type { Stop } from "./stop.ts";
import type { Validity } from "./validity.ts";

/** What an owner token asks for or holds: all of the keys, or none. */
export interface Ownership {
  readonly prefix: string;
  /** At least one; sorted, without repetition. */
  readonly keys: readonly [string, ...string[]];
  /** Random, new for each acquire. */
  readonly token: string;
  readonly mode: LockMode;
}

/** One acquire; the same object is passed again for every attempt of it. */
export interface AcquireRequest extends Ownership {
  /** Milliseconds. */
  readonly ttl: number;
  /** The name that others see as the holder. */
  readonly holder: string;
  readonly meta: Readonly<Record<string, string>> | undefined;
  /** Whether to join the queue when a key is busy. */
  readonly queue: boolean;
  /**
   * How many of this process wait together by this request, where the backend can reserve fences; it changes while they
   * come and go. A grant reserves as many fencing tokens. Default: one.
   */
  readonly waiters?: number | undefined;
  /** The place in the queue that its waiters had under another owner token, as an outcome told it. */
  readonly place?: number | undefined;
  /** How to ask again where there is no queue. */
  readonly retry?: RetryPolicy | undefined;
  /** Ends what is tried again for it in the background: its owner was closed. */
  readonly stop?: Stop | undefined;
}

/** How to ask again for a busy key where the backend cannot queue: on a quorum. */
export interface RetryPolicy {
  /** How often at most after the first attempt. Default: as often as `wait` allows. */
  readonly limit?: number | undefined;
  /** Milliseconds between two attempts. Default: from a few to 1000, exponential, with full jitter. */
  readonly delay?: number | undefined;
  /** Up to so many milliseconds are added to `delay`, at random. Default: as many as `delay`. */
  readonly jitter?: number | undefined;
}

/** How each node of a quorum voted, once all have answered or are out of time. */
export type Votes = () => Promise<readonly QuorumVote[]>;

/** The keys are held by the request's token. */
export interface Granted extends Validity {
  readonly status: "granted";
  readonly fencingToken: number;
  /** The last of the fencing tokens that were reserved with it. Default: `fencingToken`. */
  readonly lastFence?: number | undefined;
  /** Where it stood in the queue, or would have: see `AcquireRequest.place`. */
  readonly place?: number | undefined;
  /** The slot that was granted, where one was asked for. */
  readonly slot?: number | undefined;
  /** How many permits others named, where that differs from the request; the smaller number rules. */
  readonly otherPermits?: number | undefined;
  /** On a quorum. */
  readonly votes?: Votes;
}

/** Somebody else holds a key, or waits for it in front of us. */
export interface Busy {
  readonly status: "busy";
  readonly holder: SeenHolder | undefined;
  /** Where it stands in the queue. */
  readonly place?: number | undefined;
  /** As in `Granted`. */
  readonly otherPermits?: number | undefined;
  /** On a quorum. */
  readonly votes?: Votes;
}

export type AcquireOutcome = Granted | Busy;

/** A node of a quorum that has no say: it has lost data, or may have, and with it leases that may still stand elsewhere. */
export interface Abstained {
  readonly status: "abstained";
  /** It is a member that votes later; otherwise it has to become one. */
  readonly isMember: boolean;
}

/** What a node of a quorum answers. */
export type Vote = AcquireOutcome | Abstained;

/** What a node of a quorum says of itself. */
export type Membership =
  | Member
  /** It does not know of ever having been a member. */
  | { readonly status: "stranger" }
  /** It was a member before it restarted, and may have come back with an older state. */
  | { readonly status: "restarted" };

/** How a node is asked whether it is a member. */
export interface Enrolment {
  /**
   * Makes it a member that votes after so many milliseconds, unless it is one; counted from its restart, where it has
   * come back with an older state. 0 founds a quorum, which one that has restarted cannot. Undefined only asks.
   */
  readonly votesIn: number | undefined;
  /** It keeps every write over a restart, and is a member as before. */
  readonly durable: boolean;
}

export interface Member {
  readonly status: "member";
  /** The same server has the same id, by whatever connection. */
  readonly id: string;
  /** Milliseconds until it votes. */
  readonly votesIn: number;
}

export interface Renewed extends Validity {
  readonly status: "renewed";
  /** Fencing tokens that were reserved with it: from the first to the last. */
  readonly fences?: { readonly first: number; readonly last: number } | undefined;
}

/** Whose lease it was so far. */
export interface Predecessor {
  /** Its owner token. */
  readonly token: string;
  readonly fencingToken: number;
  /** What `handOff` gave; empty where there is none. */
  readonly proof: string;
}

/** What an extend changes beside the end of a lease. */
export interface Change {
  /** The lease becomes that of `held`: of its token, with its name and its meta. Nothing else changes with it. */
  readonly from?: Predecessor;
  /** Later grants of its keys have larger fencing tokens than this one. */
  readonly fence?: number | undefined;
  /** Others shall see that `held` has it by now: its name and its meta. */
  readonly holder?: NewHolder;
}

/** Who has an exclusive lease by now, whose owner token stays the same. */
export interface NewHolder {
  /** Its fencing token; undefined for the first that is reserved. */
  readonly fence: number | undefined;
  /** For how long it has had it, ms. */
  readonly heldFor: number;
  /** How many fencing tokens to reserve for those who come next. None where the server has no memory left. */
  readonly reserve: number;
}

/** How a lease is released. */
export interface ReleaseTerms {
  /** Above 0, the lease ends by itself so many milliseconds from now instead, sooner or later than its ttl. */
  readonly after?: number;
  /** Of the fencing tokens that were reserved for it up to `last`, those above `used` are given back. */
  readonly fences?: { readonly used: number; readonly last: number } | undefined;
}

/** The server no longer has the lease; `stolen` when somebody else's stands there. */
export interface Lost {
  readonly status: "lost";
  readonly reason: "expired" | "stolen";
}

export type ExtendOutcome = Renewed | Lost;

/** `notHeld`: the token did not hold the key (any more); nothing was changed. */
export type ReleaseOutcome = "released" | "notHeld";

/** What a backend can do. It may change, as what is known of a server does. */
export interface Capabilities {
  /** Whether requests queue in the order of their coming. Else one that waits asks again by its `retry`. */
  readonly queue: boolean;
  /** Whether it can grant permits. A quorum cannot: its majorities overlap in one node, not in N. */
  readonly permits: boolean;
  /** Whether one attempt can take several keys. A cluster cannot: they are in different hash slots. */
  readonly severalKeys: "always" | "never";
  /** Whether a grant of an exclusive lease of one key can reserve several fencing tokens. */
  readonly fences: boolean;
  /** The longest ttl that it grants, ms. Default: any. */
  readonly maxTtl?: number;
}

/**
 * What grants leases. What is `held` is told by the request that it was granted to. Outcomes are values; a fault is thrown, always as `LockBackendError`.
 */
export interface LockBackend {
  /** A word for messages, such as "redis". */
  readonly name: string;
  /** The clock in which `since` of every outcome is told. */
  readonly clock: Clock;
  /** Milliseconds within which every method settles, but for `waitForTurn`. */
  readonly requestTimeout: number;
  readonly capabilities: Capabilities;

  /**
   * One attempt. Idempotent: asking again with a token that holds the key gives the same grant and the same
   * fencing token, with what is left of its ttl. With `queue`, a busy answer means that the request waits in
   * the queue, or will: `waitForTurn` must be awaited next, and `cancel` called if the request is given up.
   */
  tryAcquire(request: AcquireRequest): Promise<AcquireOutcome>;

  /**
   * Waits for news of a queued request: null when it is worth asking again, or the lock itself where the backend lives in
   * this process. It may resolve for nothing, and may never be necessary for safety.
   */
  waitForTurn(request: AcquireRequest): Promise<Granted | null>;

  /**
   * Gives a request up: leaves the queue, and releases the key if the request holds it after all. A turn that is
   * awaited settles at once. With `unanswered` an attempt may still be on its way: it must not be granted when it arrives.
   */
  cancel(request: AcquireRequest, unanswered: boolean): Promise<void>;

  /**
   * Prolongs a lease to at least `ttl` milliseconds from now, and changes what is asked for with it. Never shortens and
   * never revives one. Idempotent.
   */
  extend(held: AcquireRequest, ttl: number, change?: Change): Promise<ExtendOutcome>;

  /** Frees the keys if the token holds them, and hands them to who comes next. */
  release(held: AcquireRequest, terms?: ReleaseTerms): Promise<ReleaseOutcome>;

  /** Closes what the backend opened itself. It may be used again, and then opens it again. */
  close(): Promise<void>;

  /**
   * Where the next owner of a lease needs more than the owner token: that, as opaque text. The holder has nothing to do
   * with the lease from then on.
   */
  handOff?(held: AcquireRequest): string;

  /**
   * Calls the listener with the owner token of a lease that was taken by force, where the backend hears of it; until the
   * returned function is called. A hint, which may be lost, late or forged: the holder asks then.
   */
  onTaken?(listener: (token: string) => void): () => void;

  /** Where operators can look at locks, and free them. */
  readonly admin?: Admin | undefined;

  /** Where processes can tell each other something. */
  readonly messages?: Messages | undefined;
}

/** How a single server votes as one of the independent nodes of a quorum. */
export interface Voter {
  /**
   * As `tryAcquire`, as one vote: abstains unless the node is a member. The fencing token of a grant is at least `fence`,
   * and no larger than it must be, so that the nodes can agree on one; asked again with a larger one, the grant is
   * raised to it. Each node's tokens grow with each of its grants.
   */
  vote(request: AcquireRequest, fence: number): Promise<Vote>;

  /** Whether the node is a member for a prefix; and makes it one, if asked to. */
  enroll(prefix: string, enrolment: Enrolment): Promise<Membership>;
}

/** A backend of a single server, that can be one of the independent nodes of a quorum. */
export interface NodeBackend extends LockBackend {
  readonly admin: Admin;
  readonly messages: Messages;
}

/** One that brings its voter itself. */
export interface VotingBackend extends NodeBackend {
  readonly voter: Voter;
}
