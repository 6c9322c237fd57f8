import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JobKeys } from "../src/keys.ts";

const of = (data: unknown, hash: "data" | string[] = "data", name = "build") =>
  new JobKeys({ key: { hash } }).of({ queue: "reports", name, data }, "reports").key;

/** The same fields in another order, at every depth. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, field]) => [name, shuffled(field)]),
  );
}

describe("the hash of a payload", () => {
  it("does not depend on the order of fields, nor on whether the payload was stored", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (data) => {
        expect(of(shuffled(data))).toBe(of(data));
        expect(of(JSON.parse(JSON.stringify(data)))).toBe(of(data));
      }),
    );
    const date = new Date(0);
    expect(of({ date, none: undefined })).toBe(of({ date: date.toJSON() }));
  });

  it("differs where payloads or names differ", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, two) => {
        expect(of(one) === of(two)).toBe(sorted(one) === sorted(two));
      }),
    );
    const all = [
      [1, "2"],
      [12],
      ["1", 2],
      { a: [] },
      { a: {} },
      { a: null },
      {},
      { "a,b": 1 },
      { a: 1, b: 1 },
      "x",
      '"x"',
    ];
    expect(new Set(all.map((data) => of(data))).size).toBe(all.length);
    expect(of({}, "data", "build")).not.toBe(of({}, "data", "send"));
  });

  it("is made of the fields that were named", () => {
    expect(of({ id: 1, at: 1 }, ["id"])).toBe(of({ at: 2, id: 1 }, ["id"]));
    expect(of({ id: 1, at: 1 }, ["id"])).not.toBe(of({ id: 2, at: 1 }, ["id"]));
  });
});

/** Another way to tell whether two payloads are the same. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_name, field) =>
    typeof field === "object" && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );
}
