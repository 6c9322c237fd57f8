import { EventEmitter } from "node:events";
import type { Admin } from "../../contract/admin.ts";
import type {
  AcquireOutcome,
  AcquireRequest,
  Capabilities,
  Change,
  Enrolment,
  ExtendOutcome,
  Granted,
  Membership,
  Predecessor,
  ReleaseOutcome,
  ReleaseTerms,
  Voter,
  VotingBackend,
} from "../../contract/backend.ts";
import { type Clock, elapsed, type Instant, systemClock } from "../../contract/clock.ts";
import { randomText } from "../../contract/host.ts";
import type { Messages } from "../../contract/messages.ts";
import { checkOptionNames } from "../../contract/option-names.ts";
import { checkClock } from "../../contract/validate.ts";
import { InProcessAdmin } from "./admin.ts";
import type { Entry } from "./entry.ts";
import { InProcessMessages } from "./messages.ts";
import { granted, Store } from "./store.ts";

/** Grants leases within this process. It may be a node of a quorum, in tests. */
export interface InProcessLockBackend extends VotingBackend {
  readonly name: "in-process";
  readonly capabilities: Capabilities & { readonly permits: true };
}

/** Options of the in-process backend. */
export interface InProcessBackendOptions {
  /** For tests. Default: the machine's clock. */
  readonly clock?: Clock;
}

/**
 * Grants leases within this process: for tests, development, and services of a single process. It keeps every
 * promise of the Redis backend, with this process's clock as the server's.
 */
export class InProcessBackend implements InProcessLockBackend {
  readonly name = "in-process";
  readonly requestTimeout = 0;
  readonly capabilities = { queue: true, permits: true, severalKeys: "always", fences: true } as const;
  readonly clock: Clock;
  readonly messages: Messages = new InProcessMessages();
  readonly admin: Admin;
  readonly #store: Store;
  /** By prefix: since when it is a member of a quorum, and after how many milliseconds it votes. */
  readonly #members = new Map<string, { readonly since: Instant; readonly after: number }>();
  readonly #hints = new EventEmitter().setMaxListeners(0);
  readonly #id = randomText(12);

  constructor(options: InProcessBackendOptions = {}) {
    checkOptionNames("inProcessBackend", options, { clock: true }, "{ clock }");
    const { clock = systemClock } = options;
    checkClock(clock);
    this.clock = clock;
    this.#store = new Store(clock);
    this.admin = new InProcessAdmin(this.#store, (token) => this.#hints.emit("taken", token));
  }

  readonly voter: Voter = {
    vote: async (request, fence) => {
      const votesIn = this.#votesIn(request.prefix);
      if (votesIn !== 0) return { status: "abstained", isMember: votesIn !== undefined };
      return this.#attempt(request, fence);
    },
    enroll: async (prefix, enrolment) => this.#enroll(prefix, enrolment),
  };

  #enroll(prefix: string, { votesIn }: Enrolment): Membership {
    if (votesIn !== undefined && !this.#members.has(prefix)) {
      this.#members.set(prefix, { since: this.clock.now(), after: votesIn });
    }
    const left = this.#votesIn(prefix);
    return left === undefined ? { status: "stranger" } : { status: "member", id: this.#id, votesIn: left };
  }

  async tryAcquire(request: AcquireRequest): Promise<AcquireOutcome> {
    return this.#attempt(request, undefined);
  }

  #votesIn(prefix: string): number | undefined {
    const member = this.#members.get(prefix);
    return member && Math.max(0, member.after - elapsed(member.since, this.clock.now()));
  }

  #attempt(request: AcquireRequest, least: number | undefined): AcquireOutcome {
    const entries = this.#store.open(request);
    const otherPermits = otherPermitsIn(entries, request);
    const grant = this.#store.grantOf(entries, request);
    if (grant !== undefined) {
      if (least !== undefined && grant.fencingToken < least) {
        grant.fencingToken = this.#store.fence(request, least, true);
      }
      return { ...granted(grant), otherPermits };
    }
    if (request.queue) this.#store.enlist(entries, request);
    const outcome = this.#store.mayEnter(entries, request)
      ? this.#store.grant(entries, request, least)
      : this.#store.busy(entries, request);
    this.#store.tidyAll(request, entries);
    return { ...outcome, otherPermits };
  }

  waitForTurn(request: AcquireRequest): Promise<Granted | null> {
    const entries = this.#store.open(request);
    const grant = this.#store.grantOf(entries, request);
    if (grant !== undefined) return Promise.resolve(granted(grant));
    const waiter = entries[0].waiters.get(request.token);
    if (waiter === undefined) {
      this.#store.tidyAll(request, entries);
      return Promise.resolve(null);
    }
    return new Promise((resolve) => {
      waiter.resolve = resolve;
      this.#store.armAll(request, entries);
    });
  }

  async cancel(request: AcquireRequest): Promise<void> {
    const entries = this.#store.open(request);
    entries[0].waiters.get(request.token)?.resolve?.(null);
    for (const entry of entries) {
      entry.waiters.delete(request.token);
      entry.grants.delete(request.token);
    }
    this.#store.serveAll(request, entries);
  }

  async extend(held: AcquireRequest, ttl: number, change: Change = {}): Promise<ExtendOutcome> {
    const { fence, holder, from } = change;
    const entries = this.#store.open(held);
    if (from !== undefined) return this.#adopt(entries, held, ttl, from);
    const grant = this.#store.grantOf(entries, held);
    if (grant === undefined) {
      const stolen = entries.some(({ grants }) => grants.size > 0 && !grants.has(held.token));
      this.#store.tidyAll(held, entries);
      return { status: "lost", reason: stolen ? "stolen" : "expired" };
    }
    if (fence !== undefined) this.#store.raise(held, fence);
    const fences = holder && this.#store.confirm(grant, held, holder);
    return { ...this.#store.prolong(entries, grant, ttl), fences };
  }

  async release(held: AcquireRequest, { after = 0, fences }: ReleaseTerms = {}): Promise<ReleaseOutcome> {
    const entries = this.#store.open(held);
    const grant = this.#store.grantOf(entries, held);
    if (grant !== undefined && fences !== undefined) this.#store.giveBack(held, fences);
    if (grant === undefined || after === 0) {
      this.#store.drop(held, entries, held.token);
      return grant === undefined ? "notHeld" : "released";
    }
    grant.since = this.clock.now();
    grant.ttl = after;
    this.#store.armAll(held, entries, grant);
    return "released";
  }

  #adopt(
    entries: readonly [Entry, ...Entry[]],
    held: AcquireRequest,
    ttl: number,
    { token, fencingToken }: Predecessor,
  ): ExtendOutcome {
    const grant = this.#store.grantOf(entries, held) ?? this.#store.grantOf(entries, { token });
    if (grant === undefined) {
      const reason = entries[0].grants.size > 0 ? "stolen" : "expired";
      this.#store.drop(held, entries, token);
      return { status: "lost", reason };
    }
    grant.request = held;
    if (held.mode.kind === "exclusive") grant.fencingToken = fencingToken;
    for (const { grants } of entries) {
      grants.delete(token);
      grants.set(held.token, grant);
    }
    return this.#store.prolong(entries, grant, ttl);
  }

  onTaken(listener: (token: string) => void): () => void {
    this.#hints.on("taken", listener);
    return () => void this.#hints.off("taken", listener);
  }

  async close(): Promise<void> {}
}

function otherPermitsIn([entry]: readonly [Entry, ...Entry[]], { mode }: AcquireRequest): number | undefined {
  const others = entry.permits;
  return mode.kind === "permits" && others !== mode.permits ? others : undefined;
}
