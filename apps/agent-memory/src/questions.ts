import { AGENTS, type AgentName, type Question } from "./messages.ts";

const TOPICS = [
  "When does the train leave?",
  "Add milk to the list.",
  "What did I say about Friday?",
  "Book it, please.",
  "Who else knows?",
  "And the day after?",
];

/** The n-th turn of all, and the agent that gets it: of each session, one after the other. */
export function questionOf(
  turn: number,
  sessions: number,
): { readonly agent: AgentName; readonly question: Question } {
  const session = `session-${((turn - 1) % sessions) + 1}`;
  const agent = AGENTS[(turn + Math.floor((turn - 1) / sessions)) % AGENTS.length] ?? AGENTS[0];
  const text = TOPICS[turn % TOPICS.length] ?? "";
  return { agent, question: { turn, session, text, isFateful: false } };
}

export function sessionNames(sessions: number): string[] {
  return Array.from({ length: sessions }, (_, at) => `session-${at + 1}`);
}
