/** The agents: one process each. */
export const AGENTS = ["agent-1", "agent-2", "agent-3"] as const;

export type AgentName = (typeof AGENTS)[number];

/** What an agent process is. */
export interface AgentTask {
  readonly name: AgentName;
  /** Of all keys: each run of the demo has one of its own, also on a Redis that others use. */
  readonly prefix: string;
  readonly lock: boolean;
  /** How long the model thinks about a word, milliseconds. */
  readonly pace: number;
}

/** What somebody says to an agent. */
export interface Question {
  /** Of all turns of the demo, from 1. */
  readonly turn: number;
  readonly session: string;
  readonly text: string;
  /** Whether the agent is to stop in the middle of the answer, and to wait for what becomes of it. */
  readonly isFateful: boolean;
}

export type ToAgent =
  | { readonly kind: "ask"; readonly question: Question }
  | { readonly kind: "go"; readonly turn: number };

interface OfTurn {
  readonly turn: number;
  readonly session: string;
}

export type FromAgent =
  | { readonly kind: "ready"; readonly pid: number }
  /** What it has said so far. */
  | (OfTurn & { readonly kind: "says"; readonly text: string })
  /** In the middle of its fateful turn. */
  | (OfTurn & { readonly kind: "middle" })
  | (OfTurn & { readonly kind: "saved" })
  /** It lost the session, and takes the turn again. `lateSave`: what came of the answer that it tried to save all the same. */
  | (OfTurn & { readonly kind: "lost"; readonly lateSave: "stored" | "refused" | undefined });

/** What an agent tells of its turns. */
export type Told = Exclude<FromAgent, { kind: "ready" }>;
