import { describe, expect, it } from "vitest";
import { type Message, saveOf, type Turn, tornTurns, turnsOf } from "../src/conversation.ts";

const turn = (number: number, knew = number - 1): Turn => ({
  turn: number,
  knew,
  agent: "a",
  attempt: 1,
  fence: number,
});

/** A conversation of so many turns, saved one after the other. */
function talk(turns: number): Message[] {
  let stored: Message[] = [];
  for (let at = 1; at <= turns; at++) {
    const save = saveOf(stored, `question ${at}`, `answer ${at}`, turn(at));
    stored = save.kind === "append" ? [...stored, ...save.messages] : [...save.messages];
  }
  return stored;
}

describe("a conversation", () => {
  it("knows all its turns in order, also those that were summed up", () => {
    for (const turns of [0, 1, 6, 7, 30]) {
      expect(turnsOf(talk(turns)).map((one) => one.turn)).toEqual(
        Array.from({ length: turns }, (_, at) => at + 1),
      );
      expect(tornTurns(talk(turns))).toEqual([]);
    }
  });

  it("never gets long", () => {
    expect(talk(6)).toHaveLength(12);
    for (let turns = 7; turns < 40; turns++) expect(talk(turns).length).toBeLessThanOrEqual(12);
    const [summary] = talk(30);
    expect(summary?.role).toBe("summary");
    expect(summary?.content).toMatch(/^\d\d earlier turns$/);
  });

  it("tells the turns that are torn apart", () => {
    const [question, answer] = talk(1);
    const [, , otherQuestion, otherAnswer] = talk(2);
    if (!question || !answer || !otherQuestion || !otherAnswer)
      throw new Error("two turns have four messages");
    expect(tornTurns([question, otherQuestion, answer, otherAnswer])).toEqual([1, 2, 1, 2]);
    expect(tornTurns([question])).toEqual([1]);
    expect(tornTurns([answer])).toEqual([1]);
  });
});
