import { describe, expect, it } from "vitest";
import { QUEUES } from "../src/messages.ts";
import { REPORTS, REQUESTS, requestsOf } from "../src/plan.ts";

describe("the requests", () => {
  it("are 500 for 40 reports, each asked for by both services, and often", () => {
    expect(new Set(REPORTS).size).toBe(40);
    const all = QUEUES.map((queue) => requestsOf(queue).map(({ report }) => report));
    expect(all.flat()).toHaveLength(REQUESTS);
    for (const asked of all) expect(new Set(asked)).toEqual(new Set(REPORTS));
    for (const report of REPORTS) {
      const times = all.flat().filter((asked) => asked === report).length;
      expect(times).toBeGreaterThanOrEqual(2);
      expect(times).toBeLessThanOrEqual(40);
    }
  });

  it("come over 3 seconds, and the first for a report within 5 ms from both services", () => {
    const [web, nightly] = QUEUES.map(requestsOf);
    expect(web?.at(-1)?.at).toBeGreaterThan(2_900);
    const gaps = REPORTS.map((report) => {
      const [one, other] = [web, nightly].map((all) => all?.find((request) => request.report === report)?.at);
      return (one ?? Number.NaN) - (other ?? Number.NaN);
    });
    for (const gap of gaps) expect(Math.abs(gap)).toBeLessThanOrEqual(5);
    expect(gaps.filter((gap) => gap < 0).length).toBeGreaterThan(10);
    expect(gaps.filter((gap) => gap > 0).length).toBeGreaterThan(10);
  });
});
