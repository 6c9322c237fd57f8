/**
 * Proposals are this far ahead of the clock, so that nodes accept them also where their clocks are: a node that has no
 * counter for a key refuses what is behind its own clock. Nodes and clients whose clocks differ by more need a second
 * round for new keys.
 */
export const AHEAD = 1_000;

/**
 * The fencing token that so many nodes answered for one grant; undefined when they do not agree on one.
 *
 * A node answers no token twice, and a larger one for each grant (see `Voter.vote`). Two majorities meet in a node,
 * which ordered both: so no two grants have the same token, and one that was asked for after another had been granted
 * has a larger one. That holds whatever clocks do. `test/quorum/explorer.ts` looks for a counter-example.
 */
export function agreedFence(fences: readonly number[], majority: number): number | undefined {
  const counts = new Map<number, number>();
  for (const fence of fences) {
    const count = (counts.get(fence) ?? 0) + 1;
    if (count >= majority) return fence;
    counts.set(fence, count);
  }
  return undefined;
}

/** What is asked for in the next round when nodes granted, but with different tokens. */
export function nextProposal(fences: readonly number[]): number {
  return Math.max(...fences);
}

/** The smallest number of nodes of which two groups always have one in common. */
export function majorityOf(nodes: number): number {
  return Math.floor(nodes / 2) + 1;
}
