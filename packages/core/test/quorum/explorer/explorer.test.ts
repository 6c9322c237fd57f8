import { fewOrMany } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { explore } from "./explore.ts";
import type { Mutation, Rules } from "./model.ts";

const MOST = fewOrMany(10_000, 1_000_000);

const three: Rules = { nodes: 3, candidates: 3, proposals: [1, 3], amnesias: 0, largest: 5 };

const worlds: Record<string, Rules> = {
  "3 nodes, 3 candidates": three,
  "3 nodes, 2 candidates, one node loses its data": { ...three, candidates: 2, amnesias: 1 },
  "4 nodes, 2 candidates": { ...three, nodes: 4, candidates: 2 },
};

/** Where each mutation is found: in the smallest world that shows it. Those that take longest are last. */
const mutations: Record<keyof Mutation, Rules> = {
  half: { ...three, nodes: 4, candidates: 2 },
  forgetsCounter: { ...three, candidates: 2 },
  withoutSecondRound: three,
  amnesiacsVote: { ...three, candidates: 2, amnesias: 1 },
  doesNotRaise: { ...three, candidates: 2, proposals: [1, 2], largest: 3 },
};
const sought = Object.entries(mutations).slice(0, fewOrMany(3, 5));

describe("fencing tokens of a quorum, in all histories of a model", () => {
  let states = 0;

  it.each(Object.entries(worlds))("are unique and grow: %s", { timeout: 900_000 }, (_, rules) => {
    const found = explore(rules, MOST);
    expect(found.counterExample).toBeUndefined();
    states += found.states;
  });

  it("of which more than a million states were looked at", () => {
    expect(states).toBeGreaterThanOrEqual(Math.min(1_000_000, MOST * 3));
  });

  it.each(sought)("are not with %s", { timeout: 900_000 }, (mutation, rules) => {
    const { counterExample } = explore(rules, 3_000_000, { [mutation]: true });
    expect(counterExample?.at(-1)).toMatch(/two grants|was granted before/);
  });
});
