import { count } from "@lock/demo-kit";
import { type Message, tornTurns, turnsOf } from "./conversation.ts";
import type { Question } from "./messages.ts";

/** What the store has of a session. */
export interface SessionFacts {
  readonly session: string;
  /** How many turns it should have. */
  readonly asked: number;
  readonly stored: number;
  /** Turns that are not there, are there more than once, or were never asked for. */
  readonly missing: readonly number[];
  readonly twice: readonly number[];
  readonly unknown: readonly number[];
  /** Whose question and answer are apart. */
  readonly torn: readonly number[];
  /** Answered without all that was said before, or with fencing tokens out of order. */
  readonly blind: readonly number[];
  readonly unordered: readonly number[];
  readonly agents: readonly string[];
}

export function factsOf(
  session: string,
  messages: readonly Message[],
  questions: readonly Question[],
): SessionFacts {
  const asked = questions.filter((question) => question.session === session).map(({ turn }) => turn);
  const turns = turnsOf(messages);
  const stored = turns.map(({ turn }) => turn);
  return {
    session,
    asked: asked.length,
    stored: stored.length,
    missing: asked.filter((turn) => !stored.includes(turn)),
    twice: asked.filter((turn) => stored.filter((other) => other === turn).length > 1),
    unknown: turns
      .filter(({ turn, attempt }) => !asked.includes(turn) || attempt < 1)
      .map(({ turn }) => turn),
    torn: tornTurns(messages),
    blind: turns.filter(({ knew }, at) => knew !== at).map(({ turn }) => turn),
    unordered: turns
      .filter(({ fence }, at) => (fence ?? 0) < (turns[at - 1]?.fence ?? 0))
      .map(({ turn }) => turn),
    agents: [...new Set(turns.map(({ agent }) => agent))].toSorted(),
  };
}

/** All that is wrong; empty when all is well. */
export function damageOf(facts: readonly SessionFacts[]): string[] {
  return facts.flatMap(({ session, missing, twice, unknown, torn, blind, unordered }) => {
    const faults: [readonly number[], string][] = [
      [missing, "lost"],
      [twice, "stored twice"],
      [unknown, "stored that was never said, or too late"],
      [torn, "torn apart"],
      [blind, "answered without all that was said before"],
      [unordered, "out of order"],
    ];
    return faults
      .filter(([turns]) => turns.length > 0)
      .map(([turns, what]) => `${session}: ${count(turns.length, "turn")} ${what}`);
  });
}

/** What is wrong with the answer that came too late; of a run without the lock nobody knows that it was late. */
export function lateDamage(lateSave: "stored" | "refused" | undefined, retaken: boolean): string[] {
  if (lateSave === undefined) return ["the agent that was paused never learned that it had lost its session"];
  if (lateSave === "stored")
    return ["the answer of the agent that was paused was stored although it came too late"];
  return retaken ? [] : ["the store does not have the second try of the turn that was lost"];
}

/** Whether the store has a turn as its second try or a later one. */
export function isRetaken(messages: readonly Message[], turn: number): boolean {
  return turnsOf(messages).some((stored) => stored.turn === turn && stored.attempt > 1);
}

export function total(facts: readonly SessionFacts[], of: (session: SessionFacts) => number): number {
  return facts.reduce((sum, session) => sum + of(session), 0);
}
