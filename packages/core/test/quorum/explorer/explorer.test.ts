import { describe, expect, it } from "vitest";
import { explore } from "./explore.ts";
import type { Mutation, Rules } from "./model.ts";

const THREE_NODES = { nodes: 3, proposals: [1, 4] } as const;

/** Half a million states each: all there are, or those that are nearest to the beginning. */
const MOST = Number(process.env.EXPLORE ?? 500_000);

const worlds: Record<string, Rules> = {
  "2 clients, 2 terms each, a message that comes twice": {
    ...THREE_NODES,
    clients: 2,
    terms: 2,
    duplicates: 1,
    amnesias: 0,
  },
  "2 clients, 2 terms each, a node that loses its data": {
    ...THREE_NODES,
    clients: 2,
    terms: 2,
    duplicates: 0,
    amnesias: 1,
  },
  "3 clients, a message that comes twice, a node that loses its data": {
    ...THREE_NODES,
    clients: 3,
    terms: 1,
    duplicates: 1,
    amnesias: 1,
  },
};

const mutations: Record<keyof Mutation, Partial<Rules>> = {
  withoutSecondRound: {},
  half: { nodes: 4 },
  forgetsCounter: {},
  doesNotRaise: {},
  amnesiacsVote: { amnesias: 1 },
};

describe("fencing tokens of a quorum, in every history of a model", () => {
  let states = 0;

  it.each(Object.entries(worlds))("are unique and grow: %s", { timeout: 300_000 }, (_, rules) => {
    const found = explore(rules, MOST);
    expect(found.counterExample).toBeUndefined();
    states += found.states;
  });

  it("of which there are at least a million states", () => {
    expect(states).toBeGreaterThanOrEqual(Math.min(1_000_000, 3 * MOST));
  });

  it.each(Object.entries(mutations))("are not with %s", (mutation, change) => {
    const rules = { ...THREE_NODES, clients: 2, terms: 2, duplicates: 0, amnesias: 0, ...change };
    const { counterExample } = explore(rules, 2_000_000, { [mutation]: true });
    expect(counterExample?.at(-1)).toMatch(/two grants|was granted before/);
  });
});
