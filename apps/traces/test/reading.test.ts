import { describe, expect, it } from "vitest";
import { pointsOf, type Span, spansOf } from "../src/otlp.ts";
import { quantile } from "../src/quantile.ts";
import { treesOf } from "../src/trees.ts";
import { judge } from "../src/verdict.ts";
import { waitsFor } from "../src/waits.ts";

const KEY = "order:42";

/** A span of a trace that has its first letter. */
function span(id: string, name: string, times: readonly [number, number], more: Partial<Span> = {}): Span {
  const attributes = { ...(name.startsWith("lock.") ? { "lock.key": KEY } : {}), ...more.attributes };
  return {
    service: "checkout",
    trace: id.slice(0, 1),
    id,
    parent: undefined,
    name,
    start: times[0],
    end: times[1],
    links: [],
    ...more,
    attributes,
  };
}

const waited = { "lock.outcome": "acquired", "lock.waited_ms": 100, "lock.holder": "checkout" };
const pay = span("a", "pay order", [0, 100]);
const payment = span("a2", "payment provider", [10, 80], { parent: "a" });
const held = span("a1", "lock.hold", [0, 80], { parent: "a" });
const passedOn = span("a3", "lock.hold", [82, 98], { parent: "a", service: "billing" });
const invoice = span("b", "invoice order", [0, 120], { service: "billing" });
const waiter = span("b1", "lock.acquire", [0, 100], { parent: "b", service: "billing", attributes: waited });
const own = span("b2", "lock.hold", [100, 120], { parent: "b", service: "billing", links: ["b1"] });
const all = [own, waiter, invoice, passedOn, payment, held, pay];

describe("trees", () => {
  const drawn = (spans: readonly Span[]) =>
    treesOf(spans, KEY).map(({ rows }) =>
      rows.map(({ number, rail, span: { id } }) => `${number} ${rail}${id}`),
    );

  it("has each span below its parent, in the order of time, whatever the order of arrival", () => {
    expect(drawn(all)).toEqual([
      ["1 b", "2 ├─ b1", "3 └─ b2"],
      ["4 a", "5 ├─ a1", "6 ├─ a2", "7 └─ a3"],
    ]);
  });

  it("draws what is deeper, keeps a span whose parent did not arrive, and leaves out traces of other keys", () => {
    const deep = span("a4", "ask the bank", [20, 30], { parent: "a2" });
    const other = span("c", "lock.hold", [0, 1], { attributes: { "lock.key": "order:1" } });
    expect(drawn([pay, held, payment, passedOn, deep, other])).toEqual([
      ["1 a", "2 ├─ a1", "3 ├─ a2", "4 │  └─ a4", "5 └─ a3"],
    ]);
    expect(drawn([held])).toEqual([["1 a1"]]);
  });
});

describe("a wait", () => {
  it("is explained by the leases that others had meanwhile, and by the work that was done with them", () => {
    expect(waitsFor(KEY, all)).toEqual([
      {
        service: "billing",
        key: KEY,
        ms: 100,
        holder: "checkout",
        held: [
          { service: "checkout", ms: 80, work: "payment provider" },
          { service: "billing", ms: 16, work: undefined },
        ],
        rest: 4,
      },
    ]);
  });

  it.each<[what: string, spans: readonly Span[], problems: readonly string[]]>([
    ["explained", all, []],
    ["not there", [pay, held], ["no span tells of a wait"]],
    [
      "longer than the leases explain",
      all.filter((each) => each !== held),
      [
        "1 wait is longer than the leases before it explain",
        "1 wait names another holder than the leases do",
      ],
    ],
    ["below no request", all.filter((each) => each !== invoice), ["2 spans came without its parent"]],
  ])("that is %s is judged", (_, spans, problems) => {
    expect(judge(spans, waitsFor(KEY, spans))).toEqual(problems);
  });
});

it.each([
  { counts: [0, 0, 0], share: 0.5, expected: 0 },
  { counts: [4, 0, 0], share: 0.5, expected: 0.5 },
  { counts: [2, 2, 0], share: 0.75, expected: 1.5 },
  { counts: [0, 0, 3], share: 0.5, expected: 4 },
  // One value is its own median, wherever its bucket ends.
  { counts: [0, 1, 0], share: 0.5, least: 1.9, most: 1.9, expected: 1.9 },
])("the $share quantile of $counts is $expected", ({ counts, share, least = 0, most = 6, expected }) => {
  const [low, high] = counts.every((count) => count === 0) ? [0, 0] : [least, most];
  expect(quantile(share, { counts, bounds: [1, 2], least: low, most: high })).toBe(expected);
});

describe("OTLP as JSON", () => {
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "billing" } }] };

  it("is read with times of more digits than a number has", () => {
    const sent = {
      traceId: "t",
      spanId: "s",
      parentSpanId: "",
      name: "lock.hold",
      startTimeUnixNano: "1795966516351275123",
      endTimeUnixNano: "1795966516352275123",
      attributes: [{ key: "lock.key", value: { stringValue: KEY } }],
      links: [{ spanId: "l" }],
    };
    const [read] = spansOf({ resourceSpans: [{ resource, scopeSpans: [{ spans: [sent] }] }] });
    expect(read).toEqual({
      service: "billing",
      trace: "t",
      id: "s",
      parent: undefined,
      name: "lock.hold",
      start: 1_795_966_516_351.275,
      end: 1_795_966_516_352.275,
      attributes: { "lock.key": KEY },
      links: ["l"],
    });
  });

  it("is read whether it has numbers or texts of them", () => {
    const metrics = [
      { name: "lock.waiting", sum: { dataPoints: [{ asInt: "1" }, { asDouble: 2 }] } },
      {
        name: "lock.hold.duration",
        histogram: {
          dataPoints: [{ count: "2", min: 1, max: 3, bucketCounts: ["1", 1], explicitBounds: [2] }],
        },
      },
    ];
    const points = pointsOf({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] });
    expect(points.map(({ metric, value, histogram }) => [metric, value, histogram])).toEqual([
      ["lock.waiting", 1, undefined],
      ["lock.waiting", 2, undefined],
      ["lock.hold.duration", 2, { least: 1, most: 3, counts: [1, 1], bounds: [2] }],
    ]);
  });
});
