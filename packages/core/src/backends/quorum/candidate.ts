import type { AcquireOutcome, AcquireRequest, Granted } from "../../contract/backend.ts";
import type { Timer } from "../../contract/clock.ts";
import { LockBackendError, QuorumError, type QuorumVote } from "../../contract/errors.ts";
import { random } from "../../contract/host.ts";
import { showKeys } from "../../contract/key.ts";
import { contentionPause, together, type Validity } from "../../contract/validity.ts";
import { type Electorate, homeOf, type Waiting } from "./electorate.ts";
import { AHEAD, nextProposal } from "./fence.ts";
import { Holding } from "./holding.ts";
import type { CastVote } from "./node.ts";
import { type Answer, canReach, poll, valuesOf } from "./poll.ts";
import { readVotes } from "./votes.ts";

/** More than two are needed only when a node loses a lease between them. */
const MOST_ROUNDS = 4;

/** So often home is kept while the other nodes stay busy: for about a second and a half. */
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
  #home = 0;
  #misses = 0;
  #givenUp = false;
  #wake: (() => void) | undefined;

  constructor(
    private readonly electorate: Electorate,
    private readonly request: AcquireRequest,
    /** What it has at the nodes. */
    readonly holding = new Holding(electorate, request),
  ) {}

  /** The whole of one attempt. @throws QuorumError */
  async stand(): Promise<AcquireOutcome> {
    const { clock, nodes, nodeTimeout } = this.electorate;
    if (this.#givenUp) throw this.#refused();
    this.holding.startAnew();
    this.#moveHome();
    // One that was elected already keeps its fencing token.
    const proposal = this.holding.agreed() ?? Math.floor((clock.now().wall + AHEAD) * 1_000);
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
    const stint = this.holding.at(this.#home);
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      this.electorate.waiting.add(this);
      this.#wake = () => {
        this.#wake = undefined;
        this.electorate.waiting.delete(this);
        timer?.cancel();
        resolve(null);
      };
      const wake = () => this.#wake?.();
      if (this.#givenUp) wake();
      else if (stint !== undefined && this.#isServed) stint.hint().then(wake, wake);
      else timer = this.electorate.clock.setTimer(wake, this.#pause(), true);
    });
  }

  homeIsAway(home: number): void {
    if (home === this.#home) this.#wake?.();
  }

  /** Ends everything for good. */
  giveUp(): Promise<unknown>[] {
    this.#givenUp = true;
    const ending = this.holding.letGo().flatMap((stint) => (stint === undefined ? [] : [stint.endNow()]));
    for (const work of ending) this.electorate.background(work);
    this.#wake?.();
    return ending;
  }

  #refused(): LockBackendError {
    this.giveUp();
    const key = showKeys(this.request.keys);
    return new LockBackendError("the request was given up", { key, retryable: false, ambiguous: false });
  }

  #vote(index: number, fence: number): Promise<CastVote> | undefined {
    return this.holding.vote(index, fence, { queue: this.request.queue && index === this.#home });
  }

  /** Which nodes are asked, step by step: nobody else before it is its turn at home. */
  #steps(): Iterable<number>[] {
    const everybody = this.electorate.nodes.keys();
    return this.holding.at(this.#home)?.isWaiting ? [[this.#home], everybody] : [everybody];
  }

  /** Goes through more rounds until a majority has granted with one fencing token, if one has granted at all. */
  async #agree(): Promise<void> {
    const { clock, majority, nodeTimeout } = this.electorate;
    for (let round = 1; round < MOST_ROUNDS && this.holding.agreed() === undefined; round++) {
      if (this.#givenUp || this.#isTurnedAway || !this.#hasMajority) return;
      const proposal = nextProposal(this.holding.fences());
      await poll(clock, nodeTimeout, this.#raise(proposal), (soFar) => {
        const raised = this.holding.fences().filter((fence) => fence === proposal).length;
        return raised >= majority || !canReach(majority, raised, soFar);
      });
    }
  }

  /** Asks those who granted with a smaller token for one more round. */
  #raise(proposal: number): Ballots {
    return this.holding.stints.map((stint, index) => {
      const fence = stint?.granted?.fencingToken;
      return fence !== undefined && fence < proposal ? this.#vote(index, proposal) : undefined;
    });
  }

  /**
   * Whether it is elected. Who is not waits for all votes: one that is granted later would be in the way of whoever asks
   * next. And without a word from home it might pass over those who wait there.
   */
  #isDecided(answers: Answers): boolean {
    return this.#hasMajority && !this.#isTurnedAway && answers[this.#home]?.status !== "pending";
  }

  /** Whether it is others who have the key, rather than nodes that are away, that stand in the way. */
  #isBusy(answers: Answers): boolean {
    const votes = valuesOf(answers);
    const decided = votes.filter(({ status }) => status !== "abstained").length;
    const isHeld = votes.some(({ status }) => status === "busy");
    return this.#isTurnedAway || (isHeld && decided >= this.electorate.majority);
  }

  get #hasMajority(): boolean {
    return this.holding.votes >= this.electorate.majority;
  }

  /**
   * Somebody else holds the key at home, or waits for it there: it is not its turn, whatever other nodes say. Unless it
   * might never be: one node alone must not keep a key from all, and without a majority nobody can have it.
   */
  get #isTurnedAway(): boolean {
    const { nodes, majority } = this.electorate;
    return this.#isHomeBusy && nodes.filter((node) => node.votes).length >= majority;
  }

  get #isHomeBusy(): boolean {
    const stint = this.holding.at(this.#home);
    return stint?.isBusy === true && !stint.isBlocked(this.electorate.maxTtl);
  }

  /** It stands in a queue from which it will be told of its turn. */
  get #isServed(): boolean {
    return this.#isHomeBusy && this.holding.at(this.#home)?.isWaiting === true;
  }

  #result(ballots: Ballots): Granted | undefined {
    const fencingToken = this.holding.agreed();
    if (fencingToken === undefined || this.#isTurnedAway) return undefined;
    const { majority, clock, drift } = this.electorate;
    const agreed = this.holding.granted().filter((granted) => granted.fencingToken === fencingToken);
    const validities = agreed.map((granted): Validity => {
      // A clock that was set back makes a node believe in more than it was asked for.
      return { since: granted.since, ttl: Math.min(granted.ttl, this.request.ttl), drift };
    });
    const validity = together(validities, majority, clock.now());
    if (validity === undefined) return undefined;
    this.#misses = 0;
    this.holding.elected(fencingToken, this.request.ttl);
    return { status: "granted", fencingToken, ...validity, votes: () => this.#told(ballots) };
  }

  /** Undoes what it got, but for its place at home. @throws QuorumError where nothing could be decided */
  #defeated(ballots: Ballots, answers: Answers): AcquireOutcome {
    const isBusy = this.#isBusy(answers);
    for (const index of ballots.keys()) {
      if (!(isBusy && this.#mayStay(index))) this.holding.end(index);
    }
    if (!isBusy)
      throw new QuorumError(showKeys(this.request.keys), readVotes(this.electorate.nodes, answers));
    this.#misses = this.#isServed ? 0 : this.#misses + 1;
    const [holder] = valuesOf(answers).flatMap((vote) => (vote.status === "busy" ? [vote.holder] : []));
    return { status: "busy", holder, votes: () => this.#told(ballots) };
  }

  /**
   * It keeps its place in the queue at home; and home itself, while it asks the other nodes again. Not for ever: others
   * who cannot reach that node have another home, and each would wait for the other's.
   */
  #mayStay(index: number): boolean {
    const stint = this.holding.at(index);
    if (index !== this.#home || !this.request.queue || stint === undefined) return false;
    return stint.isBusy || (stint.granted !== undefined && this.#misses < MOST_MISSES);
  }

  /** Waits elsewhere while its first home does not vote. */
  #moveHome(): void {
    const home = homeOf(this.electorate);
    if (home === this.#home) return;
    const left = this.#home;
    this.#home = home;
    this.holding.end(left);
    // What it has there was asked for without a place in the queue.
    this.holding.end(home);
    for (const candidate of [...this.electorate.waiting]) candidate.homeIsAway(left);
  }

  #pause(): number {
    const { delay, jitter = delay ?? 0 } = this.request.retry ?? {};
    // Whoever has been handed the key at home keeps others waiting there.
    const hasHome = this.holding.at(this.#home)?.granted !== undefined;
    return delay === undefined || hasHome ? contentionPause(this.#misses) : delay + random() * jitter;
  }

  /** How all nodes voted, when those that were not waited for have answered, too. */
  async #told(ballots: Ballots): Promise<readonly QuorumVote[]> {
    const { clock, nodes, nodeTimeout } = this.electorate;
    return readVotes(nodes, await poll(clock, nodeTimeout, ballots));
  }
}
