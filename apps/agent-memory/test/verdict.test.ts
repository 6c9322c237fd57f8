import { describe, expect, it } from "vitest";
import type { Message, Turn } from "../src/conversation.ts";
import type { Question } from "../src/messages.ts";
import { damageOf, factsOf, isRetaken, lateDamage } from "../src/verdict.ts";

const question = (turn: number, session = "s"): Question => ({ turn, session, text: "?", isFateful: false });
const stored = (turn: number, of: Partial<Turn> = {}): Message[] => [
  { role: "user", content: "?", turn },
  {
    role: "assistant",
    content: "!",
    of: { turn, knew: turn - 1, agent: "a", attempt: 1, fence: turn, ...of },
  },
];

const damage = (messages: readonly Message[], asked = [question(1), question(2)]) =>
  damageOf([factsOf("s", messages, asked)]);

describe("the verdict", () => {
  it("is good when every turn is there once, in order, and saw all before", () => {
    expect(damage([...stored(1), ...stored(2)])).toEqual([]);
    expect(damage([...stored(1), ...stored(2)], [question(1), question(2), question(3, "other")])).toEqual(
      [],
    );
  });

  it.each<[string, Message[], string]>([
    ["lost", stored(1), "s: 1 turn lost"],
    ["twice", [...stored(1), ...stored(2), ...stored(2, { knew: 2 })], "s: 1 turn stored twice"],
    [
      "never said",
      [...stored(1), ...stored(2), ...stored(7, { knew: 2 })],
      "s: 1 turn stored that was never said, or too late",
    ],
    [
      "too late",
      [...stored(1), ...stored(2, { attempt: 0 })],
      "s: 1 turn stored that was never said, or too late",
    ],
    [
      "torn",
      [...stored(1).slice(0, 1), ...stored(2, { knew: 0 }), ...stored(1, { knew: 1 }).slice(1)],
      "torn apart",
    ],
    [
      "blind",
      [...stored(1), ...stored(2, { knew: 0 })],
      "s: 1 turn answered without all that was said before",
    ],
    ["out of order", [...stored(2, { knew: 0 }), ...stored(1, { knew: 1 })], "s: 1 turn out of order"],
  ])("tells what is %s", (_name, messages, expected) => {
    expect(damage(messages).join("\n")).toContain(expected);
  });

  it("wants what came too late to be refused, and its turn to be taken again", () => {
    expect(lateDamage("refused", true)).toEqual([]);
    expect(lateDamage("refused", false)).toHaveLength(1);
    expect(lateDamage("stored", true)).toHaveLength(1);
    expect(lateDamage(undefined, true)).toHaveLength(1);
    expect(isRetaken(stored(1, { attempt: 2 }), 1)).toBe(true);
    expect(isRetaken(stored(1), 1)).toBe(false);
  });
});
