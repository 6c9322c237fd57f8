import { SLEEPER } from "./fate.ts";
import type { AgentName, Question } from "./messages.ts";
import { questionOf } from "./questions.ts";

export interface Asked {
  readonly agent: AgentName;
  readonly question: Question;
}

/** Which of the sleeper's turns it does not come to the end of: not the first, so that all have begun. */
const FATEFUL = 5;
const PATIENT: AgentName = "agent-1";

/** Who is asked what; one turn of the sleeper is to be fateful. */
export function planRush(turns: number, sessions: number): Asked[] {
  const asked = Array.from({ length: turns }, (_, at) => questionOf(at + 1, sessions));
  const sleepers = asked.filter(({ agent }) => agent === SLEEPER);
  const fateful = sleepers[Math.min(FATEFUL, sleepers.length) - 1];
  return asked.map((one) =>
    one === fateful ? { ...one, question: { ...one.question, isFateful: true } } : one,
  );
}

/** What is asked in the session of an agent that does not go on. */
export function impatience(turn: number, session: string): Asked {
  return { agent: PATIENT, question: { turn, session, text: "Are you still there?", isFateful: false } };
}
