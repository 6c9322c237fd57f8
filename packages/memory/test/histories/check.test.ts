import { describe, expect, it } from "vitest";
import { faultsOf, type Stored } from "./check.ts";

const turn = (name: string, token: number, seen: number): Stored[] => [
  { role: "user", turn: name, token, seen },
  { role: "assistant", turn: name, token, seen },
];
const [a, b] = [turn("a", 1, 0), turn("b", 2, 2)];
const never = () => false;

describe("the checker", () => {
  it("finds nothing wrong with turns that follow each other", () => {
    expect(faultsOf([[...a, ...b]], ["a", "b"], never)).toEqual([]);
  });

  it.each<[string, Stored[][], string[], RegExp]>([
    ["a turn that is not there", [a], ["a", "b"], /b was saved 0 times/],
    ["a turn that is there twice", [[...a, ...turn("a", 1, 2)]], ["a"], /a was saved 2 times/],
    ["turns in each other", [[...a.slice(0, 1), ...b, ...a.slice(1)]], [], /a has no answer behind it/],
    ["an answer of its own", [a.slice(1)], [], /a has no question/],
    ["a turn that did not see another", [[...a, ...turn("b", 2, 0)]], [], /b saw 0 messages of 2/],
    [
      "an order that is not that of the tokens",
      [[...turn("b", 2, 0), ...turn("a", 1, 2)]],
      [],
      /smaller token/,
    ],
    [
      "a stale write",
      [[...a, { role: "stale", turn: "b", token: 2, seen: -1 }]],
      [],
      /although it was stale/,
    ],
    ["half a turn", [a.slice(0, 1)], [], /no answer/],
  ])("finds %s", (_name, sessions, saved, fault) => {
    expect(faultsOf(sessions, saved, never).join()).toMatch(fault);
  });

  it("lets half a turn pass where its agent was stopped", () => {
    expect(faultsOf([[...a.slice(0, 1), ...turn("b", 2, 1)]], ["b"], (name) => name === "a")).toEqual([]);
  });
});
