import { expect, it } from "vitest";
import { STEPS, type Step } from "../src/ledger.ts";
import { judge } from "../src/verdict.ts";

function report(pid: number, from: number, token = from, steps = STEPS): Step[] {
  return Array.from({ length: steps }, (_, index) => {
    return { host: "host-1", pid, token, step: index + 1, at: from + index * 10 };
  });
}

it.each([
  { what: "reports one after the other", steps: [...report(1, 0), ...report(2, 100)], problems: [] },
  {
    what: "a report beside another",
    steps: [...report(1, 0), ...report(2, 40)],
    problems: ["1 report ran beside another one"],
  },
  {
    what: "a token that does not grow",
    steps: [...report(1, 0, 9), ...report(2, 100, 9)],
    problems: ["1 fencing token did not grow"],
  },
  {
    what: "a report that ends early",
    steps: [...report(1, 0, 1, 3), ...report(2, 100), ...report(3, 200), ...report(4, 300, 300, 2)],
    problems: ["1 report was cut short for no reason"],
  },
  {
    what: "a report that goes on without its lock run",
    steps: [...report(7, 0), ...report(2, 100)],
    problems: ["1 report went on when its lock run was killed"],
  },
  { what: "too few", steps: report(1, 0), problems: ["1 report was not finished in time"] },
])("judges $what", ({ steps, problems }) => {
  expect(judge(steps, { reports: 2, killed: 7 }).problems).toEqual(problems);
});
