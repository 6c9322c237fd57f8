import { describe, expect, it } from "vitest";
import type { Death, Hold } from "../src/history.ts";
import { judge, TOLERANCE_MS } from "../src/verdict.ts";

const TTL = 1_000;
const EXPECTED = {
  done: new Map([
    [1, 2],
    [2, 0],
  ]),
  models: [1, 3],
  ttl: TTL,
};
const DEATH: Death = { node: 2, at: 100, slot: 3, fence: 20 };

const FIRST: Hold = { node: 1, slot: 1, fence: 10, waited: 0, from: 0, until: 50, outcome: "done" };
const VICTIM: Hold = { node: 2, slot: 3, fence: 20, waited: 0, from: 10, until: 100, outcome: "killed" };
const AFTER: Hold = { node: 1, slot: 3, fence: 30, waited: 900, from: 1_000, until: 1_200, outcome: "done" };

function damageOf(holds: readonly Hold[], death: Death | undefined = DEATH): string {
  return judge(holds, death, EXPECTED).damage.join("; ");
}

describe("the verdict", () => {
  it("is good when all is done and the model came back", () => {
    const verdict = judge([FIRST, VICTIM, AFTER], DEATH, EXPECTED);
    expect(verdict).toEqual({ damage: [], comeback: { node: 1, after: 900 } });
  });

  it("does not depend on the order in which the nodes told", () => {
    expect(damageOf([AFTER, VICTIM, FIRST])).toBe("");
  });

  it("allows the next to begin at the instant at which the one before ended", () => {
    const next: Hold = { ...FIRST, node: 2, fence: 11, from: 50, until: 60, outcome: "lost" };
    expect(damageOf([FIRST, next, VICTIM, AFTER])).toBe("");
  });

  it("finds two nodes with one model at a time", () => {
    const early: Hold = { ...FIRST, node: 2, fence: 11, from: 49, until: 60, outcome: "lost" };
    const damage = damageOf([FIRST, early, VICTIM, AFTER]);
    expect(damage).toBe("model 1 was held by node-1 and node-2 at once, for 1.000 ms");
  });

  it("finds an overlap with a hold that is not the last one before", () => {
    const long: Hold = { ...FIRST, until: 90 };
    const inner: Hold = { ...FIRST, node: 2, fence: 11, from: 20, until: 30, outcome: "lost" };
    const later: Hold = { ...FIRST, node: 3, fence: 12, from: 80, until: 95, outcome: "lost" };
    expect(damageOf([long, inner, later, VICTIM, AFTER])).toBe(
      "model 1 was held by node-1 and node-2 at once, for 10.000 ms; model 1 was held by node-1 and node-3 at once, for 10.000 ms",
    );
  });

  it("finds a hold that never ended", () => {
    const open: Hold = { ...VICTIM, until: Number.POSITIVE_INFINITY, outcome: "holds" };
    const endless: Hold = { ...AFTER, until: Number.POSITIVE_INFINITY };
    expect(damageOf([FIRST, open, endless])).toContain("at once, without an end");
  });

  it.each([20, 19])("finds a fencing token that does not grow: %i after 20", (fence) => {
    expect(damageOf([FIRST, VICTIM, { ...AFTER, fence }])).toBe(
      "the fencing token of model 3 did not grow once",
    );
  });

  it("counts only what was done to its end", () => {
    const damage = damageOf([{ ...FIRST, outcome: "lost" }, VICTIM, AFTER]);
    expect(damage).toBe("node-1 did 1 pieces of work instead of 2");
  });

  it("finds a model that nobody used", () => {
    expect(damageOf([{ ...FIRST, slot: 2 }, VICTIM, AFTER])).toBe("never used: model 1");
  });
});

describe("the model of the killed node", () => {
  it("must be granted again", () => {
    const elsewhere: Hold = { ...AFTER, slot: 1 };
    expect(damageOf([FIRST, VICTIM, elsewhere])).toBe(
      "model 3, which node-2 had when it was killed, was never granted again",
    );
  });

  it("may come back so late, and no later", () => {
    const latest = DEATH.at + TTL + TOLERANCE_MS;
    expect(damageOf([FIRST, VICTIM, { ...AFTER, from: latest, until: latest + 1 }])).toBe("");
    expect(damageOf([FIRST, VICTIM, { ...AFTER, from: latest + 1, until: latest + 2 }])).toContain(
      "was granted again only after 2501 ms, later than 2500 ms",
    );
  });

  it("is missed when no node was killed", () => {
    expect(judge([FIRST, VICTIM, AFTER], undefined, EXPECTED).damage).toEqual(["no node was killed"]);
  });
});
