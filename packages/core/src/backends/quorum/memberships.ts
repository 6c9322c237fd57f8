import type { Membership } from "../../contract/backend.ts";
import { LockUsageError } from "../../contract/errors.ts";
import { AHEAD } from "./fence.ts";
import type { Node } from "./node.ts";
import { poll, valuesOf } from "./poll.ts";
import type { Quorum } from "./quorum.ts";

/**
 * Which nodes may vote. A node that restarts without its data must not: what it granted may still stand, and with its
 * vote somebody else could get a majority ("delayed restarts": redis.io, "Distributed Locks with Redis"). So each node
 * keeps a mark that it is a member, and one without it, or with one from before its restart, becomes a member that votes
 * later. Only where all nodes answer, and none of them has the mark, the quorum is new, and votes at once: any that is away
 * might have had it.
 */
export class Memberships {
  readonly #finding = new Map<string, Promise<void>>();
  #refusal: LockUsageError | undefined;

  constructor(private readonly quorum: Quorum) {}

  /**
   * Finds out what is not known yet; waits for it where without it there is no majority.
   * @throws LockUsageError where two nodes are one server
   */
  async find(prefix: string): Promise<void> {
    const { nodes, majority, background } = this.quorum;
    this.#assertNoTwins();
    const isKnown = (node: Node) => node.membership(prefix) !== undefined;
    if (nodes.every((node) => isKnown(node) || node.isSilent)) return;
    let finding = this.#finding.get(prefix);
    if (finding === undefined) {
      finding = this.#findAll(prefix).finally(() => this.#finding.delete(prefix));
      this.#finding.set(prefix, finding);
      background(finding);
    }
    if (nodes.filter(isKnown).length < majority) await finding;
  }

  async #findAll(prefix: string): Promise<void> {
    const { nodes, nodeTimeout, clock, background } = this.quorum;
    const answers = await this.#ask(prefix);
    this.#assertNoTwins();
    const who = (is: (membership: Membership) => boolean) =>
      answers.flatMap(([node, membership]) => (is(membership) ? [node] : []));
    const strangers = who(({ status }) => status === "stranger");
    const isNew = strangers.length === nodes.length && !nodes.some((node) => node.hasLost(prefix));
    if (isNew) {
      await this.#enroll(prefix, strangers, 0);
      this.#assertNoTwins();
      return;
    }
    if (strangers.length === 0) return;
    const [lost, unknown] = [true, false].map((had) =>
      strangers.filter((node) => node.hasLost(prefix) === had),
    );
    if (lost !== undefined && lost.length > 0) await this.#enroll(prefix, lost, this.#longest);
    if (unknown === undefined || unknown.length === 0) return;
    // Another process may be founding the quorum just now: it is done within this time.
    const later = new Promise<void>((resume) => clock.setTimer(resume, nodeTimeout));
    background(later.then(() => this.#enroll(prefix, unknown, this.#longest)));
  }

  /** What the nodes say of which it is not known whether they are members. */
  async #ask(prefix: string): Promise<readonly (readonly [Node, Membership])[]> {
    const { clock, nodes, majority, nodeTimeout, background } = this.quorum;
    const asked = nodes.filter((node) => node.membership(prefix) === undefined && !node.isSilent);
    const isEnough = () => nodes.filter((node) => node.membership(prefix) !== undefined).length >= majority;
    const questions = asked.map(async (node) => [node, await this.#standing(node, prefix)] as const);
    for (const question of questions) background(question);
    return valuesOf(await poll(clock, nodeTimeout, questions, isEnough));
  }

  /**
   * What a node says of itself. One that has restarted, or that counts from a clock that has been put right since, becomes a
   * member anew. That hangs on no other node, so it is also done when the others are a majority before this one answers.
   */
  async #standing(node: Node, prefix: string): Promise<Membership> {
    const longest = this.#longest;
    const said = await this.#learn(node, prefix);
    const again = said.status === "restarted" || (said.status === "member" && said.votesIn > longest);
    return again ? this.#learn(node, prefix, longest) : said;
  }

  /** Its counters are replaced by its clock: that must have passed what the fastest client proposed before. */
  get #longest(): number {
    return this.quorum.maxTtl + AHEAD;
  }

  async #enroll(prefix: string, nodes: readonly Node[], votesIn: number): Promise<void> {
    const { clock, nodeTimeout } = this.quorum;
    const questions = nodes.map((node) => this.#learn(node, prefix, votesIn));
    await poll(clock, nodeTimeout, questions);
  }

  async #learn(node: Node, prefix: string, votesIn?: number): Promise<Membership> {
    const { durable } = this.quorum;
    const membership = await node.enroll(prefix, { votesIn, durable });
    this.#noteTwins(prefix);
    return membership;
  }

  /** Twins may show themselves when nobody waits for it. @throws LockUsageError */
  #assertNoTwins(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  /** Two connections to one server are one node. */
  #noteTwins(prefix: string): void {
    const names = new Map<string, string>();
    for (const node of this.quorum.nodes) {
      const id = node.membership(prefix)?.id;
      const twin = id === undefined ? undefined : names.get(id);
      if (twin !== undefined) {
        this.#refusal = new LockUsageError(
          `${twin} and ${node.name} of the quorum are the same server: its nodes must fail independently of each other`,
        );
      }
      if (id !== undefined) names.set(id, node.name);
    }
  }
}
