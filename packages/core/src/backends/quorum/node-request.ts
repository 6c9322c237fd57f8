import type {
  AcquireRequest,
  ExtendOutcome,
  Granted,
  NodeBackend,
  ReleaseOutcome,
  Vote,
} from "../../contract/backend.ts";
import { surelyElapsed } from "../../contract/clock.ts";
import { asBackendError } from "../../contract/errors.ts";
import { retry } from "../../contract/retry.ts";
import type { CastVote, Node } from "./node.ts";

/**
 * What one request has at one node, from its first vote there until it is undone. Each has an owner token of its own, and
 * is over for good when it ends: whatever is still on its way to the node then (a vote, a release that is sent again)
 * can neither grant nor free anything of the next.
 */
export class NodeRequest {
  /** The node said so when it was to be extended. */
  isLost = false;
  /** What the node said last; undefined where that is not known, or while it is asked again. */
  #vote: Vote | undefined;
  #isHeld = false;
  /** A vote that was asked for and not answered yet: never more than one. */
  #asking: Promise<CastVote> | undefined;
  /** The node has queued it, and may have it in its queue until a cancellation is answered, whatever else it says. */
  #wasQueued = false;
  /** A vote failed without an answer: it may have been granted. */
  #isAmbiguous = false;
  #ending: Promise<ReleaseOutcome> | undefined;
  /** For how long at most the node may keep it, in milliseconds. */
  #longest: number;

  constructor(
    readonly node: Node,
    readonly request: AcquireRequest,
  ) {
    this.#longest = request.ttl;
  }

  /** One that was granted without our knowing more of it: in another process, or to whoever gave it away. */
  static held(node: Node, request: AcquireRequest, maxTtl: number): NodeRequest {
    const nodeRequest = new NodeRequest(node, request);
    nodeRequest.#isHeld = true;
    nodeRequest.#longest = maxTtl;
    return nodeRequest;
  }

  /** What the node granted, as far as is known. */
  get granted(): Granted | undefined {
    return this.#vote?.status === "granted" ? this.#vote : undefined;
  }

  /** The node has granted it, as far as is known. */
  get isHeld(): boolean {
    return this.granted !== undefined || this.#isHeld;
  }

  /** Settles when the node has answered, or will not. */
  get answered(): Promise<unknown> {
    return Promise.resolve(this.#asking).catch(() => undefined);
  }

  /** The node has not granted it, or not any more: nothing of it is there, or on its way. */
  get isVoid(): boolean {
    return this.isLost || (this.#vote !== undefined && this.#vote.status !== "granted" && !this.isWaiting);
  }

  /** It is being undone. */
  get isEnding(): boolean {
    return this.#ending !== undefined;
  }

  get isBusy(): boolean {
    return this.#vote?.status === "busy";
  }

  /**
   * Whether the key is held there by what is no lease of this quorum, for it has no end, or ends later than any: of
   * another program, or from before a step of the node's clock.
   */
  isBlocked(maxTtl: number): boolean {
    const holder = this.#vote?.status === "busy" ? this.#vote.holder : undefined;
    return holder !== undefined && (holder.remaining ?? Number.POSITIVE_INFINITY) > maxTtl;
  }

  /** It stands in the node's queue. */
  get isWaiting(): boolean {
    return this.isBusy && this.request.queue;
  }

  vote(fence: number): Promise<CastVote> {
    this.#asking = this.#ask(fence);
    return this.#asking;
  }

  async #ask(fence: number): Promise<CastVote> {
    this.#vote = undefined;
    try {
      const vote = await this.node.vote(this.request, fence);
      this.#vote = vote;
      this.#wasQueued ||= this.isWaiting;
      return vote;
    } catch (error) {
      this.#isAmbiguous ||= asBackendError(error, this.request.keys[0]).ambiguous;
      throw error;
    } finally {
      this.#asking = undefined;
    }
  }

  /** Waits for news from the node's queue. */
  async hint(): Promise<void> {
    await this.node.backend.waitForTurn(this.request);
  }

  async extend(ttl: number, fence: number | undefined): Promise<ExtendOutcome> {
    this.#longest = Math.max(this.#longest, ttl);
    // A node may run two requests in another order than they were sent in: it would say that there is nothing to extend.
    if (this.#asking !== undefined) await this.answered;
    const outcome = await this.node.ask((backend) => backend.extend(this.request, ttl, { fence }));
    this.isLost = outcome.status === "lost";
    return outcome;
  }

  /** Undoes it, trying again for as long as the node may keep it. */
  end(): Promise<ReleaseOutcome> {
    this.#ending ??= this.#endInTime((backend) => backend.release(this.request));
    return this.#ending;
  }

  /** The same, whatever is still on its way. */
  endNow(): Promise<ReleaseOutcome> {
    this.#ending ??= this.#undo((backend) => backend.release(this.request));
    return this.#ending;
  }

  /** Lets the node free the key by itself after `ms` milliseconds. */
  endLater(ms: number): Promise<ReleaseOutcome> {
    const { clock } = this.node.backend;
    const start = clock.now();
    this.#longest = Math.max(this.#longest, ms);
    this.#ending ??= this.#endInTime((backend) => {
      const left = Math.ceil(ms - surelyElapsed(start, clock.now()));
      return left > 0 ? backend.release(this.request, { after: left }) : backend.release(this.request);
    });
    return this.#ending;
  }

  async #endInTime(free: (backend: NodeBackend) => Promise<ReleaseOutcome>): Promise<ReleaseOutcome> {
    // A vote that is merely slower than the others says in a moment what is to be undone.
    if (this.#asking !== undefined) await this.node.inTime(this.#asking);
    return this.#undo(free);
  }

  async #undo(free: (backend: NodeBackend) => Promise<ReleaseOutcome>): Promise<ReleaseOutcome> {
    // A vote that is still on its way must find its token refused.
    const unanswered = this.#asking !== undefined || this.#isAmbiguous;
    const { isHeld } = this;
    if (!unanswered && !isHeld && !this.#wasQueued) return "notHeld";
    if (!unanswered && isHeld) return this.#retry(free);
    await this.#retry((backend) => backend.cancel(this.request, unanswered), true);
    return isHeld ? "released" : "notHeld";
  }

  #retry<T>(work: (backend: NodeBackend) => Promise<T>, anyFault = false): Promise<T> {
    const { node, request } = this;
    // It ends with the client, too.
    const isOver = (waited: number) => waited > this.#longest;
    const limit = { key: request.keys[0], keepAlive: false, isOver, anyFault, stop: request.stop };
    return retry(node.backend.clock, limit, () => node.ask(work));
  }
}
