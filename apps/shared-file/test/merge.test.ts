import { expect, it } from "vitest";
import { Merge } from "../src/merge.ts";

it("brings events that overtook each other into the order of their time", () => {
  const merge = new Merge<{ at: number }>(2);
  expect(merge.push(1, { at: 2 })).toEqual([]);
  expect(merge.push(0, { at: 1 })).toEqual([{ at: 1 }]);
  expect(merge.push(0, { at: 3 })).toEqual([{ at: 2 }]);
  expect(merge.end(1)).toEqual([{ at: 3 }]);
  expect(merge.push(0, { at: 4 })).toEqual([{ at: 4 }]);
  expect(merge.end(0)).toEqual([]);
});

it("holds nothing back once all have ended", () => {
  const merge = new Merge<{ at: number }>(3);
  merge.push(0, { at: 5 });
  merge.push(2, { at: 4 });
  expect([...merge.end(0), ...merge.end(1), ...merge.end(2)]).toEqual([{ at: 4 }, { at: 5 }]);
});
