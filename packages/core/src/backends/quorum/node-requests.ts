import type { AcquireRequest, Granted } from "../../contract/backend.ts";
import { agreedFence } from "./fence.ts";
import type { CastVote, Node } from "./node.ts";
import { NodeRequest } from "./node-request.ts";
import type { Quorum } from "./quorum.ts";

/** What one request has at the nodes: at each of them one nodeRequest at a time. */
export class NodeRequests {
  readonly #all: (NodeRequest | undefined)[];
  /** How many nodeRequests there were at each node. */
  readonly #served: number[];
  /** Where the lease is asked for that it did not have yet. */
  readonly #joining = new Set<number>();
  /** The fencing token of the lease; undefined where there is none, or nothing more is to be taken for it. */
  #elected: number | undefined;

  constructor(
    private readonly quorum: Quorum,
    private readonly request: AcquireRequest,
  ) {
    this.#all = quorum.nodes.map(() => undefined);
    this.#served = quorum.nodes.map(() => 0);
  }

  /** What was granted without our knowing more of it: in another process, or to whoever gave it away. */
  static ofLease(quorum: Quorum, request: AcquireRequest, at = quorum.nodes): NodeRequests {
    const atNodes = new NodeRequests(quorum, request);
    for (const [index, node] of quorum.nodes.entries()) {
      if (!at.includes(node)) continue;
      atNodes.#served[index] = 1;
      atNodes.#all[index] = NodeRequest.held(node, request, quorum.maxTtl);
    }
    return atNodes;
  }

  get all(): readonly (NodeRequest | undefined)[] {
    return this.#all;
  }

  at(index: number): NodeRequest | undefined {
    return this.#all[index];
  }

  /** What the nodes granted. */
  granted(): Granted[] {
    const granted: Granted[] = [];
    for (const nodeRequest of this.#all)
      if (nodeRequest?.granted !== undefined) granted.push(nodeRequest.granted);
    return granted;
  }

  /** How many nodes have granted it. */
  get votes(): number {
    let votes = 0;
    for (const nodeRequest of this.#all) if (nodeRequest?.granted !== undefined) votes += 1;
    return votes;
  }

  /** The fencing tokens that the nodes granted with. */
  fences(): number[] {
    return this.granted().map(({ fencingToken }) => fencingToken);
  }

  /** The fencing token that a majority granted with. */
  agreed(): number | undefined {
    return agreedFence(this.fences(), this.quorum.majority);
  }

  /** Asks a node for its vote; undefined where it would not answer. `terms`: of a new nodeRequest. */
  vote(index: number, fence: number, terms: Partial<AcquireRequest>): Promise<CastVote> | undefined {
    const node = this.quorum.nodes[index];
    if (node === undefined || node.isSilent) return undefined;
    const nodeRequest = this.#all[index] ?? this.#newStint(index, node, terms);
    this.#all[index] = nodeRequest;
    return nodeRequest.vote(fence);
  }

  #newStint(index: number, node: Node, terms: Partial<AcquireRequest>): NodeRequest {
    const served = this.#served[index] ?? 0;
    this.#served[index] = served + 1;
    return new NodeRequest(node, { ...this.request, ...terms, token: tokenOf(this.request, served) });
  }

  /**
   * It has become a lease. A node that declined may do so only since the lease before has not ended there yet: it is asked
   * again in a moment, for a majority that is bare is lost with one node.
   */
  elected(fencingToken: number, ttl: number): void {
    this.#elected = fencingToken;
    const spreadSoon = (nodeRequest: NodeRequest) => {
      if (!nodeRequest.isVoid || this.#elected !== fencingToken) return;
      const { clock, nodeTimeout, background } = this.quorum;
      const soon = new Promise<void>((resume) => clock.setTimer(resume, nodeTimeout));
      background(soon.then(() => this.#elected === fencingToken && this.spread(ttl, false)));
    };
    for (const nodeRequest of this.#all) {
      if (nodeRequest !== undefined && nodeRequest.granted === undefined)
        void nodeRequest.answered.then(() => spreadSoon(nodeRequest));
    }
  }

  /**
   * Takes the lease at the nodes where it does not stand, for its next extend: the more have it, the fewer of them it
   * needs to stay. `isConfirmed`: it has just been found to stand on a majority.
   */
  spread(ttl: number, isConfirmed: boolean): void {
    if (this.#elected === undefined) return;
    for (const [index, nodeRequest] of this.#all.entries()) {
      if (nodeRequest?.isVoid) this.end(index);
      if (this.#all[index] !== undefined || this.#joining.has(index)) continue;
      const joining = this.#join(index, ttl, this.#elected, isConfirmed);
      this.#joining.add(index);
      this.quorum.background(joining.finally(() => this.#joining.delete(index)));
    }
  }

  async #join(index: number, ttl: number, fencingToken: number, isConfirmed: boolean): Promise<void> {
    const node = this.quorum.nodes[index];
    if (node === undefined || node.isSilent) return;
    const nodeRequest = this.#newStint(index, node, { ttl, queue: false });
    const vote = await nodeRequest.vote(fencingToken).catch(() => undefined);
    // Another token may mean that the node has granted the key to somebody since: then only a majority proves that the
    // lease stood all the time.
    const isOurs = vote?.status === "granted" && (isConfirmed || vote.fencingToken === fencingToken);
    if (isOurs && this.#elected === fencingToken) this.#all[index] = nodeRequest;
    else await nodeRequest.end();
  }

  /** Gives up what it has at one node. */
  end(index: number): void {
    const nodeRequest = this.#all[index];
    this.#all[index] = undefined;
    const ending = nodeRequest?.end();
    if (ending !== undefined) this.quorum.background(ending);
  }

  /** The lease is lost: what is left of it at some nodes is in the way of others. */
  endAll(): void {
    this.#elected = undefined;
    for (const index of this.#all.keys()) this.end(index);
  }

  /** What it has, to be ended by the caller, who may come again should that fail. */
  leave(): readonly (NodeRequest | undefined)[] {
    this.#elected = undefined;
    return this.#all;
  }

  /** Takes nothing up again that is being undone: what is on its way there must not undo what comes next. */
  startAnew(): void {
    for (const [index, nodeRequest] of this.#all.entries()) if (nodeRequest?.isEnding) this.end(index);
  }

  /** Keeps what the nodes have granted for somebody else; its places in queues are for nobody. */
  handOff(): readonly (NodeRequest | undefined)[] {
    for (const [index, nodeRequest] of this.#all.entries())
      if (nodeRequest?.isHeld === false) this.end(index);
    return this.letGo();
  }

  /** It has nothing more to do with what it had, and returns it. */
  letGo(): readonly (NodeRequest | undefined)[] {
    this.#elected = undefined;
    const nodeRequests = this.#all.slice();
    this.#all.fill(undefined);
    return nodeRequests;
  }
}

/** The owner token at a node: the request's own in its first request there. */
export function tokenOf({ token }: AcquireRequest, served: number): string {
  return served === 0 ? token : `${token}.${served}`;
}

/** The other way round. */
export function requestTokenOf(token: string): string {
  return token.replace(/\.\d+$/, "");
}
