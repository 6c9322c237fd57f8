import type { AcquireOutcome, AcquireRequest, Granted } from "../../contract/backend.ts";
import type { Timer } from "../../contract/clock.ts";
import { LockBackendError, QuorumError, type QuorumVote } from "../../contract/errors.ts";
import { random } from "../../contract/host.ts";
import { showKeys } from "../../contract/key.ts";
import { contentionPause, together, type Validity } from "../../contract/validity.ts";
import { AHEAD, nextProposal } from "./fence.ts";
import type { CastVote } from "./node.ts";
import { NodeRequests } from "./node-requests.ts";
import { type Answer, canReach, poll, valuesOf } from "./poll.ts";
import { type Quorum, queueNodeOf, type Waiting } from "./quorum.ts";
import { readVotes } from "./votes.ts";

/** More than two are needed only when a node loses a lease between them. */
const MOST_ROUNDS = 4;

/** So often the place in its queue and its grant are kept while the other nodes stay busy: for about a second and a half. */
const MOST_MISSES = 8;

/** The votes that were asked for, node by node. */
type Ballots = readonly (Promise<CastVote> | undefined)[];
type Answers = readonly Answer<CastVote>[];

/** One request that stands for election. */
export class Candidate implements Waiting {
  /**
   * The node in whose queue it waits: the first that votes, for all keys, so that those who want some of the same keys
   * meet there, and not each other.
   */
  #queueNode = 0;
  #misses = 0;
  #givenUp = false;
  #wake: (() => void) | undefined;

  constructor(
    private readonly quorum: Quorum,
    private readonly request: AcquireRequest,
    /** What it has at the nodes. */
    readonly atNodes = new NodeRequests(quorum, request),
  ) {}

  /** The whole of one attempt. @throws QuorumError */
  async stand(): Promise<AcquireOutcome> {
    const { clock, nodes, nodeTimeout } = this.quorum;
    if (this.#givenUp) throw this.#refused();
    this.atNodes.startAnew();
    this.#moveQueue();
    // One that was elected already keeps its fencing token.
    const proposal = this.atNodes.agreed() ?? Math.floor((clock.now().wall + AHEAD) * 1_000);
    const ballots: (Promise<CastVote> | undefined)[] = nodes.map(() => undefined);
    let answers: Answers = [];
    for (const asked of this.#steps()) {
      for (const index of asked) ballots[index] ??= this.#vote(index, proposal);
      answers = await poll(clock, nodeTimeout, ballots, (soFar) => this.#isDecided(soFar));
      if (this.#givenUp || this.#isTurnedAway || this.#hasMajority) break;
    }
    await this.#agree();
    if (this.#givenUp) throw this.#refused();
    return this.#result(ballots) ?? this.#defeated(ballots, answers);
  }

  /** Waits until it is worth standing again. */
  hint(): Promise<null> {
    const nodeRequest = this.atNodes.at(this.#queueNode);
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      this.quorum.waiting.add(this);
      this.#wake = () => {
        this.#wake = undefined;
        this.quorum.waiting.delete(this);
        timer?.cancel();
        resolve(null);
      };
      const wake = () => this.#wake?.();
      if (this.#givenUp) wake();
      else if (nodeRequest !== undefined && this.#isServed) nodeRequest.hint().then(wake, wake);
      else timer = this.quorum.clock.setTimer(wake, this.#pause(), true);
    });
  }

  queueNodeIsAway(index: number): void {
    if (index === this.#queueNode) this.#wake?.();
  }

  /** Ends everything for good. */
  giveUp(): Promise<unknown>[] {
    this.#givenUp = true;
    const ending = this.atNodes
      .letGo()
      .flatMap((nodeRequest) => (nodeRequest === undefined ? [] : [nodeRequest.endNow()]));
    for (const work of ending) this.quorum.background(work);
    this.#wake?.();
    return ending;
  }

  #refused(): LockBackendError {
    this.giveUp();
    const key = showKeys(this.request.keys);
    return new LockBackendError("the request was given up", { key, retryable: false, ambiguous: false });
  }

  #vote(index: number, fence: number): Promise<CastVote> | undefined {
    return this.atNodes.vote(index, fence, { queue: this.request.queue && index === this.#queueNode });
  }

  /** Which nodes are asked, step by step: nobody else before it is its turn there. */
  #steps(): Iterable<number>[] {
    const everybody = this.quorum.nodes.keys();
    return this.atNodes.at(this.#queueNode)?.isWaiting ? [[this.#queueNode], everybody] : [everybody];
  }

  /** Goes through more rounds until a majority has granted with one fencing token, if one has granted at all. */
  async #agree(): Promise<void> {
    const { clock, majority, nodeTimeout } = this.quorum;
    for (let round = 1; round < MOST_ROUNDS && this.atNodes.agreed() === undefined; round++) {
      if (this.#givenUp || this.#isTurnedAway || !this.#hasMajority) return;
      const proposal = nextProposal(this.atNodes.fences());
      await poll(clock, nodeTimeout, this.#raise(proposal), (soFar) => {
        const raised = this.atNodes.fences().filter((fence) => fence === proposal).length;
        return raised >= majority || !canReach(majority, raised, soFar);
      });
    }
  }

  /** Asks those who granted with a smaller token for one more round. */
  #raise(proposal: number): Ballots {
    return this.atNodes.all.map((nodeRequest, index) => {
      const fence = nodeRequest?.granted?.fencingToken;
      return fence !== undefined && fence < proposal ? this.#vote(index, proposal) : undefined;
    });
  }

  /**
   * Whether it is elected. Who is not waits for all votes: one that is granted later would be in the way of whoever asks
   * next. And without a word from the queue node it might pass over those who wait there.
   */
  #isDecided(answers: Answers): boolean {
    return this.#hasMajority && !this.#isTurnedAway && answers[this.#queueNode]?.status !== "pending";
  }

  /** Whether it is others who have the key, rather than nodes that are away, that stand in the way. */
  #isBusy(answers: Answers): boolean {
    const votes = valuesOf(answers);
    const decided = votes.filter(({ status }) => status !== "abstained").length;
    const isHeld = votes.some(({ status }) => status === "busy");
    return this.#isTurnedAway || (isHeld && decided >= this.quorum.majority);
  }

  get #hasMajority(): boolean {
    return this.atNodes.votes >= this.quorum.majority;
  }

  /**
   * Somebody else holds the key at the queue node, or waits for it there: it is not its turn, whatever other nodes say. Unless it
   * might never be: one node alone must not keep a key from all, and without a majority nobody can have it.
   */
  get #isTurnedAway(): boolean {
    const { nodes, majority } = this.quorum;
    return this.#isQueueNodeBusy && nodes.filter((node) => node.votes).length >= majority;
  }

  get #isQueueNodeBusy(): boolean {
    const nodeRequest = this.atNodes.at(this.#queueNode);
    return nodeRequest?.isBusy === true && !nodeRequest.isBlocked(this.quorum.maxTtl);
  }

  /** It stands in a queue from which it will be told of its turn. */
  get #isServed(): boolean {
    return this.#isQueueNodeBusy && this.atNodes.at(this.#queueNode)?.isWaiting === true;
  }

  #result(ballots: Ballots): Granted | undefined {
    const fencingToken = this.atNodes.agreed();
    if (fencingToken === undefined || this.#isTurnedAway) return undefined;
    const { majority, clock, drift } = this.quorum;
    const agreed = this.atNodes.granted().filter((granted) => granted.fencingToken === fencingToken);
    const validities = agreed.map((granted): Validity => {
      // A clock that was set back makes a node believe in more than it was asked for.
      return { since: granted.since, ttl: Math.min(granted.ttl, this.request.ttl), drift };
    });
    const validity = together(validities, majority, clock.now());
    if (validity === undefined) return undefined;
    this.#misses = 0;
    this.atNodes.elected(fencingToken, this.request.ttl);
    return { status: "granted", fencingToken, ...validity, votes: () => this.#told(ballots) };
  }

  /** Undoes what it got, but for its place in the queue. @throws QuorumError where nothing could be decided */
  #defeated(ballots: Ballots, answers: Answers): AcquireOutcome {
    const isBusy = this.#isBusy(answers);
    for (const index of ballots.keys()) {
      if (!(isBusy && this.#mayStay(index))) this.atNodes.end(index);
    }
    if (!isBusy) throw new QuorumError(showKeys(this.request.keys), readVotes(this.quorum.nodes, answers));
    this.#misses = this.#isServed ? 0 : this.#misses + 1;
    const [holder] = valuesOf(answers).flatMap((vote) => (vote.status === "busy" ? [vote.holder] : []));
    return { status: "busy", holder, votes: () => this.#told(ballots) };
  }

  /**
   * It keeps its place in the queue; and the grant of the queue node, while it asks the other nodes again. Not for ever: others
   * who cannot reach that node have another queue node, and each would wait for that of the other.
   */
  #mayStay(index: number): boolean {
    const nodeRequest = this.atNodes.at(index);
    if (index !== this.#queueNode || !this.request.queue || nodeRequest === undefined) return false;
    return nodeRequest.isBusy || (nodeRequest.granted !== undefined && this.#misses < MOST_MISSES);
  }

  /** Waits elsewhere while its first queue node does not vote. */
  #moveQueue(): void {
    const queueNode = queueNodeOf(this.quorum);
    if (queueNode === this.#queueNode) return;
    const left = this.#queueNode;
    this.#queueNode = queueNode;
    this.atNodes.end(left);
    // What it has there was asked for without a place in the queue.
    this.atNodes.end(queueNode);
    for (const candidate of [...this.quorum.waiting]) candidate.queueNodeIsAway(left);
  }

  #pause(): number {
    const { delay, jitter = delay ?? 0 } = this.request.retry ?? {};
    // Whoever has been handed the key at the queue node keeps others waiting there.
    const isServed = this.atNodes.at(this.#queueNode)?.granted !== undefined;
    return delay === undefined || isServed ? contentionPause(this.#misses) : delay + random() * jitter;
  }

  /** How all nodes voted, when those that were not waited for have answered, too. */
  async #told(ballots: Ballots): Promise<readonly QuorumVote[]> {
    const { clock, nodes, nodeTimeout } = this.quorum;
    return readVotes(nodes, await poll(clock, nodeTimeout, ballots));
  }
}
