import { describe, expect, it } from "vitest";
import type { Tally } from "../src/customers.ts";
import { HEADER, lineToRow, rowToLine } from "../src/ledger.ts";
import { judge, judgeAnswers } from "../src/verdict.ts";

const ORDERS = ["1001", "1002", "1003"];
const GOOD = [
  "1002,2000,shop-1,11,7,2026-01-02T03:04:05.678Z",
  "1001,1000,shop-2,12,9,2026-01-02T03:04:05.700Z",
  "1003,3000,shop-1,11,7,2026-01-02T03:04:06.000Z",
];

function judgeLines(lines: readonly string[], { lock = true, header = HEADER } = {}) {
  return judge(`${[header, ...lines].join("\n")}\n`, ORDERS, lock);
}

function damageOf(lines: readonly string[], options?: Parameters<typeof judgeLines>[1]): string {
  return judgeLines(lines, options).damage.join("; ");
}

describe("the verdict on the ledger", () => {
  it("is good when each order was charged once, in whatever order", () => {
    const verdict = judgeLines(GOOD);
    expect(verdict).toMatchObject({ damage: [], chargedTwice: 0, centsTooMuch: 0 });
    expect(verdict.lines.map(({ row }) => row?.order)).toEqual(["1002", "1001", "1003"]);
  });

  it("finds what was charged twice, and what it has cost", () => {
    const verdict = judgeLines([...GOOD, "1001,1000,shop-1,11,10,2026-01-02T03:04:07.000Z"]);
    expect(verdict.damage).toEqual(["1 order charged more than once: 1001"]);
    expect(verdict).toMatchObject({ chargedTwice: 1, centsTooMuch: 1_000 });
    expect(verdict.lines.map(({ isRepeated }) => isRepeated)).toEqual([false, false, false, true]);
  });

  it("counts an order that was charged three times as one, and both charges too much", () => {
    const again = "1001,1000,shop-1,11,10,2026-01-02T03:04:07.000Z";
    expect(judgeLines([...GOOD, again, again])).toMatchObject({ chargedTwice: 1, centsTooMuch: 2_000 });
  });

  it("finds what was never charged", () => {
    expect(damageOf(GOOD.slice(0, 2))).toBe("1 order never charged: 1003");
    expect(damageOf([])).toBe("3 orders never charged: 1001, 1002, 1003");
    expect(judge("", ORDERS, true).damage[0]).toBe("the ledger does not begin with its header");
  });

  it("finds a charge that nobody asked for", () => {
    expect(damageOf([...GOOD, "1004,1000,shop-1,11,10,2026-01-02T03:04:07.000Z"])).toBe(
      "1 order charged that nobody placed: 1004",
    );
  });

  it("asks for fencing tokens where there was a lock", () => {
    const unfenced = GOOD.with(0, "1002,2000,shop-1,11,-,2026-01-02T03:04:05.678Z");
    expect(damageOf(unfenced)).toBe("1 row without a fencing token");
    expect(damageOf(unfenced, { lock: false })).toBe("");
  });

  it.each([
    "",
    "1003",
    "1003,3000,shop-1,11,7",
    "1003,3000,shop-1,11,,2026-01-02T03:04:06.000Z",
    "1003,30.00,shop-1,11,7,2026-01-02T03:04:06.000Z",
    "1003,3000,shop-x,11,7,2026-01-02T03:04:06.000Z",
    "1003,3000,shop-1,11,7,2026-01-02T03:04:06.000Z,more",
    "10031003,3000,shop-1,11,7,2026-01-02T03:03,3000,shop-1,11,7,2026-01-02T03:04:06.000Z",
    "%zz,3000,shop-1,11,7,2026-01-02T03:04:06.000Z",
  ])("finds a row that cannot be read, whose order then is missing: %j", (line) => {
    expect(damageOf(GOOD.with(2, line))).toBe("1 row that cannot be read; 1 order never charged: 1003");
  });

  it("misses a header that is another one", () => {
    expect(damageOf(GOOD, { header: "order,cents" })).toContain("the ledger does not begin with its header");
  });
});

describe("a row of the ledger", () => {
  it.each(["1001", 'a,b"c', "<img src=x>", "=1+1", "grün 🎉", "100%"])(
    "keeps the order %j in its column",
    (order) => {
      const row = {
        order,
        cents: 1,
        instance: "shop-2",
        pid: 3,
        fence: undefined,
        time: new Date().toISOString(),
      };
      expect(rowToLine(row).split(",")).toHaveLength(6);
      expect(lineToRow(rowToLine(row))).toEqual(row);
    },
  );
});

describe("the verdict on the answers", () => {
  const place = { name: "shop-1", origin: "http://127.0.0.1:1", pid: 1 };
  const GOOD_TALLY: Tally = {
    counts: [
      { place, charged: 2, alreadyCharged: 1, refused: 5 },
      { place, charged: 1, alreadyCharged: 2, refused: 0 },
    ],
    failures: [],
  };
  const judgeTally = (tally: Tally, lock = true) => judgeAnswers(tally, judgeLines(GOOD), 3, lock).join("; ");

  it("is good when they say what the ledger says", () => {
    expect(judgeTally(GOOD_TALLY)).toBe("");
  });

  it("finds a customer who was told of a charge that is not in the ledger", () => {
    const counts = [{ place, charged: 4, alreadyCharged: 3, refused: 0 }];
    expect(judgeTally({ counts, failures: [] })).toBe('"charged" was answered 4 times for 3 rows');
  });

  it("finds a customer who was never told, where there was a lock", () => {
    const counts = [{ place, charged: 3, alreadyCharged: 2, refused: 0 }];
    expect(judgeTally({ counts, failures: [] })).toBe('"already charged" was answered 2 times for 3 orders');
    expect(judgeTally({ counts, failures: [] }, false)).toBe("");
  });

  it("tells each kind of failure once", () => {
    const failures = ["500 Internal Server Error", "500 Internal Server Error", "404 Not Found"];
    expect(judgeTally({ ...GOOD_TALLY, failures })).toBe(
      "3 requests failed: 500 Internal Server Error, 404 Not Found",
    );
  });
});
