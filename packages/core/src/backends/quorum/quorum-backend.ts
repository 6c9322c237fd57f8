import type { Admin } from "../../contract/admin.ts";
import type {
  AcquireOutcome,
  AcquireRequest,
  Capabilities,
  Change,
  ExtendOutcome,
  LockBackend,
  NodeBackend,
  Predecessor,
  ReleaseOutcome,
  ReleaseTerms,
  Voter,
} from "../../contract/backend.ts";
import type { Clock } from "../../contract/clock.ts";
import { LockUsageError } from "../../contract/errors.ts";
import type { Messages } from "../../contract/messages.ts";
import { checkOptionNames, type OptionNames } from "../../contract/option-names.ts";
import { show, showForBackend } from "../../contract/show.ts";
import { checkDuration } from "../../contract/validate.ts";
import { DRIFT } from "../../contract/validity.ts";
import { QuorumAdmin } from "./admin.ts";
import { Candidate } from "./candidate.ts";
import { majorityOf } from "./fence.ts";
import { endByMajority, renewByMajority } from "./majority.ts";
import { Memberships } from "./memberships.ts";
import { QuorumMessages } from "./messages.ts";
import { Node } from "./node.ts";
import type { NodeRequest } from "./node-request.ts";
import { NodeRequests, requestTokenOf } from "./node-requests.ts";
import { poll } from "./poll.ts";
import { readProof, writeProof } from "./proof.ts";
import type { Quorum } from "./quorum.ts";

/** Options of the quorum backend. Durations are milliseconds. */
export interface QuorumBackendOptions {
  /**
   * How long a node may take to answer before it is done without; no longer than the shortest lease is worth. The same
   * on all processes. Default 250.
   */
  readonly nodeTimeout?: number;
  /** Which part of a ttl is lost to clocks that do not run at the same rate: 0 to 0.5. Default 0.01. */
  readonly drift?: number;
  /**
   * The longest ttl of a lease. A node that has lost its data does not vote for so long. The same on all processes.
   * Default 60,000.
   */
  readonly maxTtl?: number;
  /**
   * Whether all nodes keep every write over a restart: `appendonly yes`, `appendfsync always`,
   * `no-appendfsync-on-rewrite no`, and no replica ever takes over. Then one that has restarted votes at once. It is not
   * checked, and where it is not so, two may be let in. The same on all processes. Default false.
   */
  readonly durable?: boolean;
}

const OPTIONS: OptionNames<QuorumBackendOptions> = {
  nodeTimeout: true,
  drift: true,
  maxTtl: true,
  durable: true,
};

/**
 * Grants leases by the majority of N independent nodes, after Redlock (redis.io, "Distributed Locks with Redis"), with
 * fencing tokens that a majority agrees on: `fence.ts`. Who has to wait does so in the queue of one node, and stands for
 * election when it comes first there: `candidate.ts`.
 */
export class QuorumBackend implements LockBackend {
  readonly name: string;
  readonly capabilities: Capabilities & { readonly permits: false };
  readonly clock: Clock;
  readonly requestTimeout: number;
  readonly admin: Admin;
  readonly messages: Messages;
  readonly #nodes: readonly Node[];
  readonly #quorum: Quorum;
  readonly #memberships: Memberships;
  readonly #candidates = new WeakMap<AcquireRequest, Candidate>();
  readonly #background = new Set<Promise<unknown>>();

  /** `voterOf`: how a backend votes; undefined where it cannot. */
  constructor(
    backends: readonly NodeBackend[],
    voterOf: (backend: NodeBackend) => Voter | undefined,
    options: QuorumBackendOptions = {},
  ) {
    const { nodeTimeout = 250, drift = DRIFT, maxTtl = 60_000, durable = false } = options;
    const voters = checkNodes(backends, voterOf);
    const { clock } = voters[0].backend;
    checkOptionNames("quorumBackend", options, OPTIONS, "{ nodeTimeout: 250 }");
    checkDuration("nodeTimeout", nodeTimeout, 1, 60_000);
    checkDuration("maxTtl", maxTtl, 1, Number.MAX_SAFE_INTEGER);
    if (typeof drift !== "number" || !(drift >= 0 && drift <= 0.5)) {
      throw new LockUsageError(`drift must be a number from 0 to 0.5, got ${show(drift)}`);
    }
    if (typeof durable !== "boolean")
      throw new LockUsageError(`durable must be a boolean, got ${show(durable)}`);
    const majority = majorityOf(backends.length);
    this.name = `quorum of ${backends.length}`;
    this.clock = clock;
    this.capabilities = { queue: false, permits: false, severalKeys: "always", fences: false, maxTtl };
    // The memberships, the vote, and one round more for its fencing token.
    this.requestTimeout = 3 * nodeTimeout;
    this.#nodes = voters.map(
      ({ backend, voter }, index) =>
        new Node(backend, voter, `node ${index + 1} (${backend.name})`, nodeTimeout),
    );
    const nodes = this.#nodes;
    const background = (work: Promise<unknown>) => this.#inBackground(work);
    const waiting: Quorum["waiting"] = new Set();
    const terms = { nodeTimeout, drift, maxTtl, durable };
    this.#quorum = { clock, nodes, majority, ...terms, waiting, background };
    this.#memberships = new Memberships(this.#quorum);
    this.admin = new QuorumAdmin(this.#quorum);
    this.messages = new QuorumMessages(backends);
  }

  async tryAcquire(request: AcquireRequest): Promise<AcquireOutcome> {
    checkDuration("ttl", request.ttl, 1, this.#quorum.maxTtl);
    const candidate = this.#candidates.get(request) ?? new Candidate(this.#quorum, request);
    this.#candidates.set(request, candidate);
    await this.#memberships.find(request.prefix);
    return candidate.stand();
  }

  waitForTurn(request: AcquireRequest): Promise<null> {
    return this.#candidates.get(request)?.hint() ?? Promise.resolve(null);
  }

  async cancel(request: AcquireRequest): Promise<void> {
    await this.#inTime(this.#candidates.get(request)?.giveUp() ?? []);
  }

  async extend(held: AcquireRequest, ttl: number, { fence, from }: Change = {}): Promise<ExtendOutcome> {
    if (from !== undefined) return this.#adopt(held, ttl, from);
    const atNodes = this.#atNodes(held);
    // A node that has restarted is enrolled again also where nothing but renewals runs.
    this.#inBackground(this.#memberships.find(held.prefix));
    const questions = atNodes.all.map((nodeRequest) => nodeRequest?.extend(ttl, fence));
    try {
      const outcome = await renewByMajority(this.#quorum, held, questions);
      if (outcome.status === "lost") atNodes.endAll();
      else atNodes.spread(ttl, true);
      return outcome;
    } catch (error) {
      // It may be the others that are away next time.
      atNodes.spread(ttl, false);
      throw error;
    }
  }

  release(held: AcquireRequest, { after = 0 }: ReleaseTerms = {}): Promise<ReleaseOutcome> {
    const end = (nodeRequest: NodeRequest) => (after > 0 ? nodeRequest.endLater(after) : nodeRequest.end());
    return endByMajority(this.#quorum, held, this.#atNodes(held), end);
  }

  /** A node names a lease by the owner token that it has there. */
  onTaken(listener: (token: string) => void): () => void {
    const ends = this.#nodes.map(({ backend }) =>
      backend.onTaken?.((token) => listener(requestTokenOf(token))),
    );
    return () => {
      for (const end of ends) end?.();
    };
  }

  handOff(held: AcquireRequest): string {
    return writeProof(held, this.#atNodes(held).handOff());
  }

  async #adopt(request: AcquireRequest, ttl: number, from: Predecessor): Promise<ExtendOutcome> {
    const { fencingToken } = from;
    const parts = readProof(from, this.#nodes.length);
    const at = this.#nodes.filter((_, index) => parts[index] !== null);
    const atNodes = this.#keep(request, NodeRequests.ofLease(this.#quorum, request, at));
    const questions = this.#nodes.map((node, index) => {
      const part = parts[index];
      if (!part) return undefined;
      return node.ask((backend) => backend.extend(request, ttl, { from: { ...part, fencingToken } }));
    });
    const outcome = await renewByMajority(this.#quorum, request, questions);
    if (outcome.status === "lost") this.#inBackground(this.release(request));
    else atNodes.elected(fencingToken, ttl);
    return outcome;
  }

  async close(): Promise<void> {
    await this.#inTime([...this.#background]);
    await Promise.all(this.#nodes.map(({ backend }) => backend.close()));
  }

  /** What a lease has at the nodes; of one that was granted elsewhere only its token is known. */
  #atNodes(held: AcquireRequest): NodeRequests {
    const known = this.#candidates.get(held);
    return known?.atNodes ?? this.#keep(held, NodeRequests.ofLease(this.#quorum, held));
  }

  #keep(request: AcquireRequest, atNodes: NodeRequests): NodeRequests {
    this.#candidates.set(request, new Candidate(this.#quorum, request, atNodes));
    return atNodes;
  }

  #inTime(work: readonly Promise<unknown>[]): Promise<unknown> {
    return poll(this.clock, this.#quorum.nodeTimeout, work);
  }

  /** Work that no caller waits for; `close` does. Nobody is told when it fails: what is not undone ends with its ttl. */
  #inBackground(work: Promise<unknown>): void {
    const ended = () => void this.#background.delete(work);
    this.#background.add(work);
    work.then(ended, ended);
  }
}

interface Nominee {
  readonly backend: NodeBackend;
  readonly voter: Voter;
}

/** @throws LockUsageError */
function checkNodes(
  backends: readonly NodeBackend[],
  voterOf: (backend: NodeBackend) => Voter | undefined,
): [Nominee, ...Nominee[]] {
  const given: readonly NodeBackend[] = Array.isArray(backends) ? backends : [];
  const [first, second, ...others] = given.map((backend, index): Nominee => {
    const name = `backend ${index + 1} of the quorum`;
    const voter = voterOf(backend);
    if (voter === undefined) {
      throw new LockUsageError(
        `${name} must be a backend of a single server, got ${showForBackend(backend)}`,
      );
    }
    if (backend.capabilities.severalKeys === "never") {
      throw new LockUsageError(`${name} is a Redis Cluster: it must be a single server`);
    }
    if (backend.clock !== given[0]?.clock)
      throw new LockUsageError(`${name} has another clock than the first backend`);
    if (given.indexOf(backend) !== index) throw new LockUsageError(`${name} is given twice`);
    return { backend, voter };
  });
  if (first === undefined || second === undefined) {
    throw new LockUsageError(
      `quorumBackend needs a list of at least 2 backends, better 3 or 5, each of a different server, got ${show(backends)}`,
    );
  }
  return [first, second, ...others];
}
