import { describe, expect, it } from "vitest";
import type { Step, Write } from "../src/messages.ts";
import { judge } from "../src/verdict.ts";

const REPORTS = ["sales", "stock"];
const EXPECTED = { reports: REPORTS, guarded: true, paused: "worker-3" };
const ALL: readonly Step[] = ["begin", "1", "2", "3", "4", "finished"];

type Writes = Partial<Write> & { readonly steps: readonly Step[] };

/** The lines of the log that a run leaves. */
function lines({ steps, outcome = "accepted", ...given }: Writes): string[] {
  const run = {
    report: "sales",
    queue: "web",
    job: "web/a",
    worker: "worker-1",
    run: "worker-1/1",
    fence: 10,
    ...given,
  };
  return steps.map((step) => `${outcome} ${JSON.stringify({ ...run, step })}`);
}

const STOCK: Writes = { steps: ALL, report: "stock", job: "nightly/b", run: "worker-1/2" };
/** The run that was paused after step 1, and overtaken by another one of the same job. */
const SLEEPER: Writes = { steps: ["begin", "1"], worker: "worker-3", run: "worker-3/1", fence: 10 };
const HEIR: Writes = { steps: ALL, run: "worker-1/3", fence: 11 };
const LATE: Writes = { ...SLEEPER, steps: ["2"], outcome: "refused" };
const GOOD: readonly Writes[] = [STOCK, SLEEPER, HEIR, LATE];

function damageOf(log: readonly (Writes | string)[], guarded = true): string {
  const text = log.flatMap((part) => (typeof part === "string" ? part : lines(part)));
  return judge(text, { ...EXPECTED, guarded }).damage.join("; ");
}

describe("the verdict", () => {
  it("is good when each report was built once, and the late write was refused", () => {
    const verdict = judge(GOOD.flatMap(lines), EXPECTED);
    expect(verdict.damage).toEqual([]);
    expect(verdict.refused).toMatchObject([{ worker: "worker-3", step: "2" }]);
    expect(verdict.reports).toMatchObject([
      { report: "stock", winner: { worker: "worker-1" }, times: 1, runs: 1 },
      { report: "sales", winner: { run: "worker-1/3", fence: 11 }, times: 1, runs: 2 },
    ]);
  });

  it("allows writes of two reports in between each other, and fences of two reports to be the same", () => {
    const [first, second] = [lines({ ...HEIR, fence: 10 }), lines(STOCK)];
    const mixed = first.flatMap((line, index) => [line, second[index] ?? ""]);
    expect(damageOf([...mixed, LATE])).toBe("");
  });

  it("allows a job to come once more after its last write, when it writes nothing but that it began", () => {
    const again: Writes = { steps: ["begin"], run: "worker-2/9", worker: "worker-2", fence: 12 };
    expect(damageOf([...GOOD, again])).toBe("");
  });

  it("misses a report that was never built, or not to its end", () => {
    expect(damageOf([SLEEPER, HEIR, LATE])).toBe("1 report never built: stock");
    expect(damageOf([])).toContain("2 reports never built: sales, stock");
    expect(damageOf([{ ...STOCK, steps: ALL.slice(0, -1) }, SLEEPER, HEIR, LATE])).toBe(
      "1 report never built: stock",
    );
  });

  it("finds a report that was built twice, by one job or by two", () => {
    const again = { ...HEIR, run: "worker-1/4", fence: 12 };
    expect(damageOf([...GOOD, again])).toBe("1 report built more than once: sales");
    expect(damageOf([...GOOD, { ...again, job: "web/c" }])).toBe(
      "1 report built more than once: sales; 1 report added more than once: sales",
    );
  });

  it("finds a second job that was refused all of its writes", () => {
    const second: Writes = { ...LATE, steps: ["begin"], job: "web/c", run: "worker-3/2" };
    expect(damageOf([...GOOD, second])).toBe("1 report added more than once: sales");
  });

  it("finds a report that nobody asked for", () => {
    const stray = { ...STOCK, report: "stray\u001b", job: "web/d", run: "worker-1/5" };
    expect(damageOf([...GOOD, stray])).toBe("1 report built that nobody asked for: stray\u001b");
  });

  it.each([
    ["are missing", ["begin", "1", "2", "4", "finished"]],
    ["are out of order", ["begin", "1", "3", "2", "4", "finished"]],
    ["came twice", ["begin", "1", "2", "2", "3", "4", "finished"]],
    ["never began", ["1", "2", "3", "4", "finished"]],
  ] satisfies [string, Step[]][])("finds a report whose steps %s", (_, steps) => {
    expect(damageOf([{ ...STOCK, steps }, SLEEPER, HEIR, LATE])).toBe(
      "1 report finished without its steps 1 to 4, in order: stock",
    );
  });

  it("finds a late write that was accepted", () => {
    const accepted: Writes = { ...LATE, outcome: "accepted" };
    const damage = damageOf([...GOOD, accepted]);
    expect(damage).toContain("1 report written by two runs at once: sales");
    expect(damage).toContain("1 write accepted from a run whose job had been given to another one");
    expect(damage).toContain("1 report written with a smaller fencing token after a larger one: sales");
  });

  it("finds two jobs that wrote a report at once, which is no write of a job given to another one", () => {
    const other: Writes = { ...STOCK, job: "web/e", run: "worker-2/1", worker: "worker-2", fence: 11 };
    const [mine, theirs] = [lines(STOCK), lines(other)];
    const damage = damageOf([...mine.slice(0, 3), ...theirs, ...mine.slice(3), SLEEPER, HEIR, LATE]);
    expect(damage).toContain("1 report written by two runs at once: stock");
    expect(damage).not.toContain("given to another one");
  });

  it("finds a smaller fencing token also when the runs do not overlap", () => {
    const later = { ...HEIR, run: "worker-1/6", fence: 9 };
    expect(damageOf([STOCK, SLEEPER, later, LATE])).toBe(
      "1 report written with a smaller fencing token after a larger one: sales",
    );
  });

  it("wants a refused write, and of the worker that was paused", () => {
    const missing = "no write of worker-3, which was paused, was refused";
    expect(damageOf([STOCK, SLEEPER, HEIR])).toBe(missing);
    expect(damageOf([STOCK, SLEEPER, HEIR, { ...LATE, worker: "worker-1" }])).toBe(missing);
  });

  it("wants fencing tokens, and a refused write, only where there was the guard", () => {
    const unfenced = [{ ...STOCK, fence: undefined }, HEIR];
    expect(damageOf(unfenced, false)).toBe("");
    expect(damageOf([...unfenced, LATE])).toBe("6 writes without a fencing token");
  });

  it.each([
    "",
    "accepted",
    "accepted {",
    "accepted {}",
    "lost {}",
    'accepted {"report":"sales"}',
    "accepted {null}",
    lines({ steps: ["1"] })
      .join()
      .replace('"1"', '"5"'),
  ])("finds a line that cannot be read: %j", (line) => {
    expect(damageOf([...GOOD, line])).toBe("1 line of the log cannot be read");
  });
});
