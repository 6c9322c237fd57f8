import { expect, it } from "vitest";
import { Register } from "../src/register.ts";

it("the register refuses a token that is smaller than one it has seen, and no other", () => {
  const register = new Register();
  const write = (tick: number, fence: number) => register.write(1, { tick, price: 1, fence }, tick);
  expect([write(1, 5), write(2, 5), write(3, 9), write(4, 5), write(5, 9)]).toEqual([
    true,
    true,
    true,
    false,
    true,
  ]);
  expect(register.accepted.map(({ tick }) => tick)).toEqual([1, 2, 3, 5]);
  expect(register.refused).toEqual([{ keeper: 1, tick: 4, price: 1, fence: 5, at: 4, highest: 9 }]);
});
