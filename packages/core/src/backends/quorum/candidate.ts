import type { AcquireOutcome, AcquireRequest, Granted, Vote } from "../../backend.ts";
import type { Clock, Timer } from "../../clock.ts";
import { LockBackendError, QuorumError, type QuorumVote } from "../../errors.ts";
import { showKeys } from "../../key.ts";
import { contentionPause, together, type Validity } from "../../timing.ts";
import { agreedFence, nextProposal } from "./fence.ts";
import type { Node } from "./node.ts";
import { type Answer, countPending, poll, valuesOf } from "./poll.ts";
import { Stint } from "./stint.ts";
import { readVotes } from "./votes.ts";

/** What all candidates of one quorum have in common. Durations are milliseconds. */
export interface Electorate {
  readonly clock: Clock;
  readonly nodes: readonly Node[];
  readonly majority: number;
  readonly nodeTimeout: number;
  /** Which part of a ttl is lost to clocks that run apart. */
  readonly drift: number;
  /** Those who wait for a hint. */
  readonly waiting: Set<Candidate>;
  /** Work that nobody waits for, until it is done. */
  background(work: Promise<unknown>): void;
}

/**
 * Proposals are this far ahead of the clock, so that nodes accept them also where their clocks are: a node that has no
 * counter for a key refuses what is behind its own clock. Nodes and clients whose clocks differ by more need a second
 * round for new keys.
 */
const AHEAD = 1_000;
/** More than two are needed only when a node loses a lease between them. */
const MOST_ROUNDS = 4;

/** So often home is kept while the other nodes stay busy: for about a second and a half. */
const MOST_MISSES = 8;

type Ballots = readonly (Promise<Vote> | undefined)[];

/** One request that stands for election, and what it has at the nodes. */
export class Candidate {
  readonly #stints: (Stint | undefined)[];
  /** How many stints there were at each node. */
  readonly #served: number[];
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
  ) {
    const { nodes } = electorate;
    this.#stints = nodes.map(() => undefined);
    this.#served = nodes.map(() => 0);
  }

  /** One that was granted without our knowing more: in another process, or to whoever gave it away. */
  static holder(
    electorate: Electorate,
    request: AcquireRequest,
    at: readonly Node[] = electorate.nodes,
  ): Candidate {
    const candidate = new Candidate(electorate, request);
    for (const [index, node] of electorate.nodes.entries()) {
      if (!at.includes(node)) continue;
      candidate.#served[index] = 1;
      candidate.#stints[index] = Stint.held(node, request);
    }
    return candidate;
  }

  /** What it has at each node. */
  get stints(): readonly (Stint | undefined)[] {
    return this.#stints;
  }

  /** It has nothing more to do with what it had. */
  letGo(): void {
    this.#stints.fill(undefined);
  }

  /** The whole of one attempt. @throws QuorumError */
  async stand(): Promise<AcquireOutcome> {
    const { clock, nodes, majority } = this.electorate;
    this.#moveHome();
    // One that was elected already keeps its fencing token.
    let proposal = this.#agreed() ?? Math.floor((clock.now().wall + AHEAD) * 1_000);
    // Nobody else is asked before it is its turn.
    const isWaiting = this.#stints[this.#home]?.isWaiting === true;
    let ballots = nodes.map((_, index) =>
      isWaiting && index !== this.#home ? undefined : this.#vote(index, proposal),
    );
    let answers = await this.#poll(ballots, (soFar) => this.#isDecided(soFar));
    if (isWaiting && this.#stints[this.#home]?.granted !== undefined) {
      ballots = nodes.map((_, index) => this.#vote(index, proposal));
      answers = await this.#poll(ballots, (soFar) => this.#isDecided(soFar));
    }
    for (let round = 1; round < MOST_ROUNDS && this.#agreed() === undefined; round++) {
      const fences = this.#fences();
      if (this.#givenUp || this.#isTurnedAway || fences.length < majority) break;
      proposal = nextProposal(fences);
      await this.#poll(this.#raise(proposal), (soFar) => {
        const raised = this.#fences().filter((fence) => fence === proposal).length;
        return raised >= majority || raised + countPending(soFar) < majority;
      });
    }
    if (this.#givenUp) throw this.#refused();
    return this.#elected(ballots) ?? this.#defeated(ballots, answers);
  }

  /** Waits until it is worth standing again. */
  hint(): Promise<null> {
    const stint = this.#stints[this.#home];
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
      else if (stint?.isWaiting) stint.hint().then(wake, wake);
      else timer = this.electorate.clock.setTimer(wake, this.#pause(), true);
    });
  }

  /** Others have found that a node does not answer: if that is where it waits, no news will come from there. */
  leave(home: number): void {
    if (home === this.#home) this.#wake?.();
  }

  /** Ends everything for good. */
  giveUp(): Promise<unknown>[] {
    this.#givenUp = true;
    const ending = [...this.#stints.keys()].map((index) => this.#end(index));
    this.#wake?.();
    return ending;
  }

  #refused(): LockBackendError {
    this.giveUp();
    const key = showKeys(this.request.keys);
    return new LockBackendError("the request was given up", { key, retryable: false, ambiguous: false });
  }

  #vote(index: number, fence: number): Promise<Vote> | undefined {
    const node = this.electorate.nodes[index];
    if (node === undefined || node.isSilent) return undefined;
    const stint = this.#stints[index] ?? this.#newStint(index, node);
    return stint.vote(fence);
  }

  #newStint(index: number, node: Node): Stint {
    const served = this.#served[index] ?? 0;
    this.#served[index] = served + 1;
    const token = tokenOf(this.request, served);
    const queue = this.request.queue && index === this.#home;
    const stint = new Stint(node, { ...this.request, token, queue });
    this.#stints[index] = stint;
    return stint;
  }

  /** Asks those who granted with a smaller token for one more round. */
  #raise(proposal: number): Ballots {
    return this.#stints.map((stint, index) => {
      const fence = stint?.granted?.fencingToken;
      return fence !== undefined && fence < proposal ? this.#vote(index, proposal) : undefined;
    });
  }

  #poll(
    ballots: Ballots,
    isDecided: (answers: readonly Answer<Vote>[]) => boolean,
  ): Promise<readonly Answer<Vote>[]> {
    const { clock, nodeTimeout } = this.electorate;
    return poll(clock, nodeTimeout, ballots, isDecided);
  }

  #isDecided(answers: readonly Answer<Vote>[]): boolean {
    const { majority } = this.electorate;
    const granted = this.#fences().length;
    if (this.#isTurnedAway || granted + countPending(answers) < majority) return true;
    // With a majority, but without a word from home, it might pass over those who wait there.
    return granted >= majority && answers[this.#home]?.status !== "pending";
  }

  /** Somebody else holds the key at home, or waits for it there: it is not its turn, whatever other nodes say. */
  get #isTurnedAway(): boolean {
    return this.#stints[this.#home]?.isBusy === true;
  }

  #granted(): Granted[] {
    return this.#stints.flatMap((stint) => (stint?.granted === undefined ? [] : [stint.granted]));
  }

  #fences(): number[] {
    return this.#granted().map(({ fencingToken }) => fencingToken);
  }

  #agreed(): number | undefined {
    return agreedFence(this.#fences(), this.electorate.majority);
  }

  #elected(ballots: Ballots): Granted | undefined {
    const fencingToken = this.#agreed();
    if (fencingToken === undefined || this.#isTurnedAway) return undefined;
    const { majority, clock, drift } = this.electorate;
    const agreed = this.#granted().filter((granted) => granted.fencingToken === fencingToken);
    const validities = agreed.map((granted): Validity => {
      // A clock that was set back makes a node believe in more than it was asked for.
      return { since: granted.since, ttl: Math.min(granted.ttl, this.request.ttl), drift };
    });
    const validity = together(validities, majority, clock.now());
    if (validity === undefined) return undefined;
    this.#misses = 0;
    return { status: "granted", fencingToken, ...validity, votes: () => this.#told(ballots) };
  }

  /** Undoes what it got, but for its place at home. @throws QuorumError where nothing could be decided */
  #defeated(ballots: Ballots, answers: readonly Answer<Vote>[]): AcquireOutcome {
    const votes = valuesOf(answers);
    const busy = votes.flatMap((vote) => (vote.status === "busy" ? [vote] : []));
    const decided = votes.filter(({ status }) => status !== "abstained").length;
    const isBusy = this.#isTurnedAway || (busy.length > 0 && decided >= this.electorate.majority);
    for (const index of this.#stints.keys()) {
      if (!(isBusy && this.#mayStay(index))) void this.#end(index);
    }
    if (!isBusy)
      throw new QuorumError(showKeys(this.request.keys), readVotes(this.electorate.nodes, answers));
    this.#misses = this.#stints[this.#home]?.granted === undefined ? 0 : this.#misses + 1;
    return { status: "busy", holder: busy[0]?.holder, votes: () => this.#told(ballots) };
  }

  /**
   * It keeps its place in the queue at home; and home itself, while it asks the other nodes again. Not for ever: others
   * who cannot reach that node have another home, and each would wait for the other's.
   */
  #mayStay(index: number): boolean {
    const stint = this.#stints[index];
    if (index !== this.#home || !this.request.queue || stint === undefined) return false;
    return stint.isBusy || (stint.granted !== undefined && this.#misses < MOST_MISSES);
  }

  #end(index: number): Promise<unknown> {
    const stint = this.#stints[index];
    this.#stints[index] = undefined;
    // Nobody can be told: what cannot be undone ends with its ttl.
    const ending = stint?.end().catch(() => undefined) ?? Promise.resolve();
    this.electorate.background(ending);
    return ending;
  }

  /** Waits elsewhere while its first home does not vote. */
  #moveHome(): void {
    const { nodes, waiting } = this.electorate;
    const home = Math.max(
      0,
      nodes.findIndex((node) => node.votes),
    );
    if (home === this.#home) return;
    const left = this.#home;
    this.#home = home;
    void this.#end(left);
    // What it has there was asked for without a place in the queue.
    void this.#end(home);
    for (const candidate of [...waiting]) candidate.leave(left);
  }

  #pause(): number {
    const { delay, jitter = delay ?? 0 } = this.request.retry ?? {};
    return delay === undefined ? contentionPause(this.#misses) : delay + Math.random() * jitter;
  }

  /** How all nodes voted, when those that were not waited for have answered, too. */
  async #told(ballots: Ballots): Promise<readonly QuorumVote[]> {
    const { clock, nodes, nodeTimeout } = this.electorate;
    return readVotes(nodes, await poll(clock, nodeTimeout, ballots, () => false));
  }
}

/** The owner token at a node: the request's own in the first stint there. */
export function tokenOf({ token }: AcquireRequest, served: number): string {
  return served === 0 ? token : `${token}.${served}`;
}
