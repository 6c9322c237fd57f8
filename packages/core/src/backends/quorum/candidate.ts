import type { AcquireOutcome, AcquireRequest, Granted, Vote } from "../../backend.ts";
import type { Clock, Timer } from "../../clock.ts";
import { LockBackendError, QuorumError, type QuorumVote } from "../../errors.ts";
import { showKeys } from "../../key.ts";
import { contentionPause, together, type Validity } from "../../timing.ts";
import { AHEAD, agreedFence, nextProposal } from "./fence.ts";
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
  /** The longest ttl of a lease. */
  readonly maxTtl: number;
  /** Those who wait for a hint. */
  readonly waiting: Set<Candidate>;
  /** Work that nobody waits for, until it is done. */
  background(work: Promise<unknown>): void;
}

/** More than two are needed only when a node loses a lease between them. */
const MOST_ROUNDS = 4;

/** So often home is kept while the other nodes stay busy: for about a second and a half. */
const MOST_MISSES = 8;

/** Of the time that a node may take, the part after which the others are asked as well. */
const PART_FOR_THE_FIRST = 0.1;
/** When a lease that is still held is taken at the nodes that were not asked for it, ms. */
const STRENGTHEN_AFTER = 2;

/** A vote that was asked for. */
type Ballot = Promise<Vote> | undefined;

const EVERYBODY = "everybody";

interface Step {
  /** Which nodes. */
  readonly asked: readonly number[] | typeof EVERYBODY;
  /** Milliseconds. */
  readonly limit: number;
}

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
  #strengthening: Timer | undefined;
  /** The fencing token that it was granted with. */
  #elected: number | undefined;

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

  /** What it has at each node, to be ended by the caller. */
  leave(): readonly (Stint | undefined)[] {
    this.#settle();
    return this.#stints;
  }

  /** Its lease is lost: what is left of it at some nodes is in the way of others. */
  endAll(): void {
    this.#settle();
    for (const index of this.#stints.keys()) void this.#end(index);
  }

  /** It has nothing more to do with what it had. */
  letGo(): void {
    this.#settle();
    this.#stints.fill(undefined);
  }

  /** The whole of one attempt. @throws QuorumError */
  async stand(): Promise<AcquireOutcome> {
    const { clock, nodes } = this.electorate;
    if (this.#givenUp) throw this.#refused();
    this.#moveHome();
    // One that was elected already keeps its fencing token.
    const proposal = this.#agreed() ?? Math.floor((clock.now().wall + AHEAD) * 1_000);
    const ballots: Ballot[] = nodes.map(() => undefined);
    let answers: readonly Answer<Vote>[] = [];
    for (const { asked, limit } of this.#steps()) {
      for (const index of asked === EVERYBODY ? nodes.keys() : asked) {
        ballots[index] ??= this.#vote(index, proposal);
      }
      answers = await poll(clock, limit, ballots, (soFar) => this.#isDecided(soFar, asked === EVERYBODY));
      if (this.#givenUp || this.#isTurnedAway || this.#hasMajority) break;
    }
    await this.#agree();
    if (this.#givenUp) throw this.#refused();
    return this.#result(ballots) ?? this.#defeated(ballots, answers);
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
  homeIsAway(home: number): void {
    if (home === this.#home) this.#wake?.();
  }

  /** Ends everything for good. */
  giveUp(): Promise<unknown>[] {
    this.#givenUp = true;
    this.#settle();
    const stints = this.#stints.splice(0, this.#stints.length, ...this.#stints.map(() => undefined));
    const ending = stints.map((stint) => this.#background(stint?.endNow()));
    this.#wake?.();
    return ending;
  }

  /** It takes nothing more. */
  #settle(): void {
    this.#elected = undefined;
    this.#strengthening?.cancel();
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

  /** Who is asked, step by step, until there is a majority, and how long their answers are waited for. */
  #steps(): readonly Step[] {
    const { nodes, majority, nodeTimeout } = this.electorate;
    const voting = [...nodes.keys()].filter((index) => nodes[index]?.votes);
    // As few as can decide: the others are asked when one of these is slow or away, or when the lease is held for longer.
    const few = voting.length >= majority && this.request.unattended !== true;
    const steps: Step[] = [{ asked: EVERYBODY, limit: nodeTimeout }];
    if (few) steps.unshift({ asked: voting.slice(0, majority), limit: nodeTimeout * PART_FOR_THE_FIRST });
    // Nobody else is asked before it is its turn.
    const isWaiting = this.#stints[this.#home]?.isWaiting === true;
    if (isWaiting) steps.unshift({ asked: [this.#home], limit: nodeTimeout });
    return steps;
  }

  /** Goes through more rounds until a majority has granted with one fencing token, if one has granted at all. */
  async #agree(): Promise<void> {
    const { clock, majority, nodeTimeout } = this.electorate;
    for (let round = 1; round < MOST_ROUNDS && this.#agreed() === undefined; round++) {
      if (this.#givenUp || this.#isTurnedAway || !this.#hasMajority) return;
      const proposal = nextProposal(this.#fences());
      await poll(clock, nodeTimeout, this.#raise(proposal), (soFar) => {
        const raised = this.#fences().filter((fence) => fence === proposal).length;
        return raised >= majority || raised + countPending(soFar) < majority;
      });
    }
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
  #raise(proposal: number): readonly Ballot[] {
    return this.#stints.map((stint, index) => {
      const fence = stint?.granted?.fencingToken;
      return fence !== undefined && fence < proposal ? this.#vote(index, proposal) : undefined;
    });
  }

  /** `isLast`: there is nobody left to ask when it is not decided yet. */
  #isDecided(answers: readonly Answer<Vote>[], isLast: boolean): boolean {
    if (this.#isTurnedAway) return true;
    // Without a word from home it might pass over those who wait there, or have no place among them.
    if (answers[this.#home]?.status === "pending") return false;
    if (this.#hasMajority) return true;
    const mayWin = this.#fences().length + countPending(answers) >= this.electorate.majority;
    return !mayWin && (!isLast || this.#isBusy(answers));
  }

  /** Whether it is others who have the key, rather than nodes that are away, that stand in the way. */
  #isBusy(answers: readonly Answer<Vote>[]): boolean {
    const votes = valuesOf(answers);
    const decided = votes.filter(({ status }) => status !== "abstained").length;
    const isHeld = votes.some(({ status }) => status === "busy");
    return this.#isTurnedAway || (isHeld && decided >= this.electorate.majority);
  }

  get #hasMajority(): boolean {
    return this.#fences().length >= this.electorate.majority;
  }

  /**
   * Somebody else holds the key at home, or waits for it there: it is not its turn, whatever other nodes say. Unless it
   * might never be: one node alone must not keep a key from all, and without a majority nobody can have it.
   */
  get #isTurnedAway(): boolean {
    const { nodes, majority, maxTtl } = this.electorate;
    const stint = this.#stints[this.#home];
    if (stint?.isBusy !== true || stint.isBlocked(maxTtl)) return false;
    return nodes.filter((node) => node.votes).length >= majority;
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

  #result(ballots: readonly Ballot[]): Granted | undefined {
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
    this.#elected = fencingToken;
    if (this.#stints.includes(undefined)) {
      this.#strengthening = clock.setTimer(() => this.strengthen(), STRENGTHEN_AFTER);
    }
    return { status: "granted", fencingToken, ...validity, votes: () => this.#told(ballots) };
  }

  /** The more nodes have the lease, the fewer of them it needs to stay: takes it where it does not stand, for its next extend. */
  strengthen(): void {
    const fence = this.#elected;
    if (fence === undefined) return;
    for (const [index, stint] of this.#stints.entries()) {
      if (stint?.isLost) void this.#end(index);
      if (this.#stints[index] === undefined) this.#vote(index, fence)?.catch(() => undefined);
    }
  }

  /** Undoes what it got, but for its place at home. @throws QuorumError where nothing could be decided */
  #defeated(ballots: readonly Ballot[], answers: readonly Answer<Vote>[]): AcquireOutcome {
    const isBusy = this.#isBusy(answers);
    for (const index of this.#stints.keys()) {
      if (!(isBusy && this.#mayStay(index))) void this.#end(index);
    }
    if (!isBusy)
      throw new QuorumError(showKeys(this.request.keys), readVotes(this.electorate.nodes, answers));
    this.#misses = this.#stints[this.#home]?.granted === undefined ? 0 : this.#misses + 1;
    const [holder] = valuesOf(answers).flatMap((vote) => (vote.status === "busy" ? [vote.holder] : []));
    return { status: "busy", holder, votes: () => this.#told(ballots) };
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
    return this.#background(stint?.end());
  }

  /** Nobody can be told: what cannot be undone ends with its ttl. */
  #background(ending: Promise<unknown> = Promise.resolve()): Promise<unknown> {
    const settled = ending.catch(() => undefined);
    this.electorate.background(settled);
    return settled;
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
    for (const candidate of [...waiting]) candidate.homeIsAway(left);
  }

  #pause(): number {
    const { delay, jitter = delay ?? 0 } = this.request.retry ?? {};
    return delay === undefined ? contentionPause(this.#misses) : delay + Math.random() * jitter;
  }

  /** How all nodes voted, when those that were not waited for have answered, too. */
  async #told(ballots: readonly Ballot[]): Promise<readonly QuorumVote[]> {
    const { clock, nodes, nodeTimeout } = this.electorate;
    return readVotes(nodes, await poll(clock, nodeTimeout, ballots, () => false));
  }
}

/** The owner token at a node: the request's own in the first stint there. */
export function tokenOf({ token }: AcquireRequest, served: number): string {
  return served === 0 ? token : `${token}.${served}`;
}
