import { describe, expect, it } from "vitest";
import type { Job } from "../src/messages.ts";
import { FATAL_MODEL, Plan } from "../src/plan.ts";

/** The pieces of work that a node is given until it has to wait, or is at its end. */
function take(plan: Plan, node: number): { jobs: Job[]; answer: "later" | "end" } {
  const jobs: Job[] = [];
  for (;;) {
    const next = plan.next(node);
    if (typeof next === "string") return { jobs, answer: next };
    jobs.push(next);
  }
}

const SIZES = [
  [2, 2],
  [2, 20],
  [3, 3],
  [6, 4],
  [12, 20],
] as const;

describe("the plan", () => {
  it.each(SIZES)("of %i nodes with %i rounds gives everybody what is expected of them", (nodes, rounds) => {
    const plan = new Plan(nodes, rounds);
    for (let node = 1; node <= nodes; node++) {
      if (node === plan.victim || node === plan.heir) continue;
      expect(take(plan, node)).toMatchObject({ jobs: { length: plan.expected(node) }, answer: "end" });
    }
    expect(take(plan, plan.heir)).toMatchObject({ jobs: { length: rounds }, answer: "later" });
    plan.victimDied();
    expect(take(plan, plan.heir)).toMatchObject({ jobs: [{ choice: { slot: FATAL_MODEL } }], answer: "end" });
    expect(plan.expected(plan.heir)).toBe(rounds + 1);
  });

  it.each(SIZES)("of %i nodes kills another one than it makes the heir", (nodes, rounds) => {
    const { victim, heir } = new Plan(nodes, rounds);
    expect(victim).not.toBe(heir);
    for (const node of [victim, heir]) expect(node >= 1 && node <= nodes).toBe(true);
  });

  it("makes exactly one piece of work fatal, after one that is done", () => {
    const plan = new Plan(6, 4);
    const { jobs } = take(plan, plan.victim);
    expect(jobs.map((job) => plan.isFatal(plan.victim, job))).toEqual([false, true]);
    expect(jobs.at(-1)?.choice).toEqual({ slot: FATAL_MODEL });
    expect(take(plan, 1).jobs.some((job) => plan.isFatal(1, job))).toBe(false);
  });

  it("uses all models, most often whichever is free", () => {
    const plan = new Plan(6, 4);
    expect(plan.models).toEqual([1, 2, 3, 4]);
    const choices = [1, 2, 3, 5, 6].flatMap((node) => plan.left(node).map(({ choice }) => choice.slot));
    expect(choices.filter((slot) => slot === undefined).length).toBeGreaterThan(choices.length / 2);
  });

  it.each([
    [0, 150],
    [0.999, 500],
  ])("draws short durations: %d gives %i ms", (random, duration) => {
    expect(new Plan(6, 4, () => random).left(1)[0]?.duration).toBe(duration);
  });

  it("gives what was lost once more, as the next", () => {
    const plan = new Plan(6, 4);
    const job = plan.next(1);
    if (typeof job === "string") throw new Error("there is work at the beginning");
    plan.again(1, job);
    expect(plan.next(1)).toBe(job);
  });
});
