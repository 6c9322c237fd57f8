import type { AcquireRequest, Granted } from "../../contract/backend.ts";
import type { Electorate } from "./electorate.ts";
import { agreedFence } from "./fence.ts";
import type { CastVote, Node } from "./node.ts";
import { Stint } from "./stint.ts";

/** What one request has at the nodes: at each of them one stint at a time. */
export class Holding {
  readonly #stints: (Stint | undefined)[];
  /** How many stints there were at each node. */
  readonly #served: number[];
  /** Where the lease is asked for that it did not have yet. */
  readonly #joining = new Set<number>();
  /** The fencing token of the lease; undefined where there is none, or nothing more is to be taken for it. */
  #elected: number | undefined;

  constructor(
    private readonly electorate: Electorate,
    private readonly request: AcquireRequest,
  ) {
    this.#stints = electorate.nodes.map(() => undefined);
    this.#served = electorate.nodes.map(() => 0);
  }

  /** What was granted without our knowing more of it: in another process, or to whoever gave it away. */
  static ofLease(electorate: Electorate, request: AcquireRequest, at = electorate.nodes): Holding {
    const holding = new Holding(electorate, request);
    for (const [index, node] of electorate.nodes.entries()) {
      if (!at.includes(node)) continue;
      holding.#served[index] = 1;
      holding.#stints[index] = Stint.held(node, request, electorate.maxTtl);
    }
    return holding;
  }

  get stints(): readonly (Stint | undefined)[] {
    return this.#stints;
  }

  at(index: number): Stint | undefined {
    return this.#stints[index];
  }

  /** What the nodes granted. */
  granted(): Granted[] {
    const granted: Granted[] = [];
    for (const stint of this.#stints) if (stint?.granted !== undefined) granted.push(stint.granted);
    return granted;
  }

  /** How many nodes have granted it. */
  get votes(): number {
    let votes = 0;
    for (const stint of this.#stints) if (stint?.granted !== undefined) votes += 1;
    return votes;
  }

  /** The fencing tokens that the nodes granted with. */
  fences(): number[] {
    return this.granted().map(({ fencingToken }) => fencingToken);
  }

  /** The fencing token that a majority granted with. */
  agreed(): number | undefined {
    return agreedFence(this.fences(), this.electorate.majority);
  }

  /** Asks a node for its vote; undefined where it would not answer. `terms`: of a new stint. */
  vote(index: number, fence: number, terms: Partial<AcquireRequest>): Promise<CastVote> | undefined {
    const node = this.electorate.nodes[index];
    if (node === undefined || node.isSilent) return undefined;
    const stint = this.#stints[index] ?? this.#newStint(index, node, terms);
    this.#stints[index] = stint;
    return stint.vote(fence);
  }

  #newStint(index: number, node: Node, terms: Partial<AcquireRequest>): Stint {
    const served = this.#served[index] ?? 0;
    this.#served[index] = served + 1;
    return new Stint(node, { ...this.request, ...terms, token: tokenOf(this.request, served) });
  }

  /**
   * It has become a lease. A node that declined may do so only since the lease before has not ended there yet: it is asked
   * again in a moment, for a majority that is bare is lost with one node.
   */
  elected(fencingToken: number, ttl: number): void {
    this.#elected = fencingToken;
    const spreadSoon = (stint: Stint) => {
      if (!stint.isVoid || this.#elected !== fencingToken) return;
      const { clock, nodeTimeout, background } = this.electorate;
      const soon = new Promise<void>((resume) => clock.setTimer(resume, nodeTimeout));
      background(soon.then(() => this.#elected === fencingToken && this.spread(ttl, false)));
    };
    for (const stint of this.#stints) {
      if (stint !== undefined && stint.granted === undefined)
        void stint.answered.then(() => spreadSoon(stint));
    }
  }

  /**
   * Takes the lease at the nodes where it does not stand, for its next extend: the more have it, the fewer of them it
   * needs to stay. `isConfirmed`: it has just been found to stand on a majority.
   */
  spread(ttl: number, isConfirmed: boolean): void {
    if (this.#elected === undefined) return;
    for (const [index, stint] of this.#stints.entries()) {
      if (stint?.isVoid) this.end(index);
      if (this.#stints[index] !== undefined || this.#joining.has(index)) continue;
      const joining = this.#join(index, ttl, this.#elected, isConfirmed);
      this.#joining.add(index);
      this.electorate.background(joining.finally(() => this.#joining.delete(index)));
    }
  }

  async #join(index: number, ttl: number, fencingToken: number, isConfirmed: boolean): Promise<void> {
    const node = this.electorate.nodes[index];
    if (node === undefined || node.isSilent) return;
    const stint = this.#newStint(index, node, { ttl, queue: false });
    const vote = await stint.vote(fencingToken).catch(() => undefined);
    // Another token may mean that the node has granted the key to somebody since: then only a majority proves that the
    // lease stood all the time.
    const isOurs = vote?.status === "granted" && (isConfirmed || vote.fencingToken === fencingToken);
    if (isOurs && this.#elected === fencingToken) this.#stints[index] = stint;
    else await stint.end();
  }

  /** Gives up what it has at one node. */
  end(index: number): void {
    const stint = this.#stints[index];
    this.#stints[index] = undefined;
    const ending = stint?.end();
    if (ending !== undefined) this.electorate.background(ending);
  }

  /** The lease is lost: what is left of it at some nodes is in the way of others. */
  endAll(): void {
    this.#elected = undefined;
    for (const index of this.#stints.keys()) this.end(index);
  }

  /** What it has, to be ended by the caller, who may come again should that fail. */
  leave(): readonly (Stint | undefined)[] {
    this.#elected = undefined;
    return this.#stints;
  }

  /** Takes nothing up again that is being undone: what is on its way there must not undo what comes next. */
  startAnew(): void {
    for (const [index, stint] of this.#stints.entries()) if (stint?.isEnding) this.end(index);
  }

  /** Keeps what the nodes have granted for somebody else; its places in queues are for nobody. */
  handOff(): readonly (Stint | undefined)[] {
    for (const [index, stint] of this.#stints.entries()) if (stint?.isHeld === false) this.end(index);
    return this.letGo();
  }

  /** It has nothing more to do with what it had, and returns it. */
  letGo(): readonly (Stint | undefined)[] {
    this.#elected = undefined;
    const stints = this.#stints.slice();
    this.#stints.fill(undefined);
    return stints;
  }
}

/** The owner token at a node: the request's own in the first stint there. */
export function tokenOf({ token }: AcquireRequest, served: number): string {
  return served === 0 ? token : `${token}.${served}`;
}
