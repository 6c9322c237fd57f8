import type { Membership } from "../../backend.ts";
import type { Clock } from "../../clock.ts";
import { LockUsageError } from "../../errors.ts";
import { AHEAD } from "./fence.ts";
import type { Node } from "./node.ts";
import { poll } from "./poll.ts";

/** What the roll must know of its quorum. Durations are milliseconds. */
export interface RollOptions {
  readonly clock: Clock;
  readonly nodes: readonly Node[];
  readonly majority: number;
  readonly nodeTimeout: number;
  /** How long a node that lost its data abstains: as long as a lease that it has forgotten may stand elsewhere. */
  readonly maxTtl: number;
  background(work: Promise<unknown>): void;
}

/**
 * Which nodes may vote. A node that restarts without its data must not: what it granted may still stand, and with its
 * vote somebody else could get a majority ("delayed restarts": redis.io, "Distributed Locks with Redis"). So each node
 * keeps a mark that it is a member, and one without it becomes a member that votes later. Where no majority of the nodes
 * can have had the mark, the quorum is new, and votes at once.
 */
export class Roll {
  readonly #calling = new Map<string, Promise<void>>();
  #refusal: LockUsageError | undefined;

  constructor(private readonly options: RollOptions) {}

  /**
   * Finds out what is not known yet; waits for it where without it there is no majority.
   * @throws LockUsageError where two nodes are one server
   */
  async call(prefix: string): Promise<void> {
    const { nodes, majority, background } = this.options;
    if (this.#refusal !== undefined) throw this.#refusal;
    const isKnown = (node: Node) => node.membership(prefix) !== undefined;
    if (nodes.every((node) => isKnown(node) || node.isSilent)) return;
    let calling = this.#calling.get(prefix);
    if (calling === undefined) {
      calling = this.#call(prefix).finally(() => this.#calling.delete(prefix));
      this.#calling.set(prefix, calling);
      background(calling.catch(() => undefined));
    }
    if (nodes.filter(isKnown).length < majority) await calling;
  }

  async #call(prefix: string): Promise<void> {
    const strangers = await this.#strangers(prefix);
    this.#refuseTwins(prefix);
    if (strangers.length === 0) return;
    const { nodes, majority, nodeTimeout, maxTtl, clock, background } = this.options;
    const founders = strangers.filter((node) => !node.hasLost(prefix));
    if (nodes.length - founders.length < majority) {
      await this.#enroll(prefix, founders, 0);
      this.#refuseTwins(prefix);
      return;
    }
    // Another process may be founding the quorum just now: it is done within this time.
    const later = new Promise<void>((resume) => clock.setTimer(resume, nodeTimeout));
    // Its counters are replaced by its clock: that must have passed what the fastest client proposed before.
    background(later.then(() => this.#enroll(prefix, strangers, maxTtl + AHEAD)));
  }

  /** The nodes that are not members, of those that answer. */
  async #strangers(prefix: string): Promise<readonly Node[]> {
    const { nodes, majority } = this.options;
    const asked = nodes.filter((node) => node.membership(prefix) === undefined && !node.isSilent);
    const answers = await this.#poll(
      asked,
      (node) => this.#learn(node, prefix),
      () => {
        return nodes.filter((node) => node.membership(prefix) !== undefined).length >= majority;
      },
    );
    return asked.filter((_, index) => {
      const answer = answers[index];
      return answer?.status === "answered" && answer.value === null;
    });
  }

  async #enroll(prefix: string, strangers: readonly Node[], votesIn: number): Promise<void> {
    await this.#poll(
      strangers,
      (node) => this.#learn(node, prefix, votesIn),
      () => false,
    );
  }

  /** Twins may show themselves when nobody waits for it: later calls are refused then. @throws LockUsageError */
  async #learn(node: Node, prefix: string, votesIn?: number): Promise<Membership | null> {
    const membership = await node.enroll(prefix, votesIn);
    this.#refuseTwins(prefix);
    return membership;
  }

  #poll(nodes: readonly Node[], ask: (node: Node) => Promise<Membership | null>, isDecided: () => boolean) {
    const { clock, nodeTimeout } = this.options;
    return poll(clock, nodeTimeout, nodes.map(ask), isDecided);
  }

  /** Two connections to one server are one node. */
  #refuseTwins(prefix: string): void {
    const names = new Map<string, string>();
    for (const node of this.options.nodes) {
      const id = node.membership(prefix)?.id;
      const twin = id === undefined ? undefined : names.get(id);
      if (twin !== undefined) {
        this.#refusal = new LockUsageError(
          `${twin} and ${node.name} of the quorum are the same server: its nodes must fail independently of each other`,
        );
        throw this.#refusal;
      }
      if (id !== undefined) names.set(id, node.name);
    }
  }
}
