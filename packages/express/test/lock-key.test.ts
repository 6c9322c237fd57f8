import { LockUsageError } from "@lock/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type KeySegment, lockKey } from "../src/index.ts";

it("writes what needs no encoding as it is", () => {
  expect(lockKey`order:${42}:${"3f2a-9c"}/${true}`).toBe("order:42:3f2a-9c/true");
  expect(lockKey`${"a"}`).toBe("a");
  expect(lockKey`all`).toBe("all");
});

it('keeps "a:b" and "c" apart from "a" and "b:c"', () => {
  expect(lockKey`x:${"a:b"}:${"c"}`).toBe("x:a%3ab:c");
  expect(lockKey`x:${"a"}:${"b:c"}`).toBe("x:a:b%3ac");
});

it("gives different values different keys, whatever they contain", () => {
  const text = fc.string({
    unit: fc.constantFrom("a", ":", "/", "%", ",", "3", "A"),
    minLength: 1,
    maxLength: 5,
  });
  const value = fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 3 }));
  fc.assert(
    fc.property(value, value, value, value, (a, b, c, d) => {
      const same = lockKey`${a}:${b}` === lockKey`${c}:${d}`;
      expect(same).toBe(JSON.stringify([a, b]) === JSON.stringify([c, d]));
    }),
    { numRuns: 5_000 },
  );
});

it.each([undefined, null, "", [], ["a", ""]])("refuses %j as a value", (value) => {
  expect(() => lockKey`order:${value}`).toThrow(LockUsageError);
  expect(() => lockKey`order:${value}`).toThrow(
    "value 1 of the key must be a text, a number or a list of texts, and not empty",
  );
});

it("refuses what is no value", () => {
  expect(() => lockKey`order:${{ id: 1 } as unknown as KeySegment}`).toThrow("must be a text, a number");
  expect(() => lockKey`order:${[{}] as unknown as KeySegment}`).toThrow("must be a text, a number");
});

it("refuses values with nothing to tell them apart", () => {
  expect(() => lockKey`order:${"a"}${"b"}`).toThrow('separate the values of a key by ":" or "/"');
  expect(() => lockKey`order:${"a"}-${"b"}`).toThrow(LockUsageError);
  expect(lockKey`${"a"}:x-${"b"}-`).toBe("a:x-b-");
});
