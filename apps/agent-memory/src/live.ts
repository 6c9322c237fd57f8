import type { Locks } from "@lock/core";
import type { Redis } from "ioredis";
import { openStore } from "./connections.ts";
import type { Message } from "./conversation.ts";
import type { Crew } from "./crew.ts";
import type { AgentName, Question, Told } from "./messages.ts";
import { factsOf, type SessionFacts } from "./verdict.ts";

/** What the page shows of a session. */
export interface LiveSession {
  readonly session: string;
  /** Who holds the lock, as Redis tells, and how many wait for it. */
  readonly holder: string | undefined;
  readonly waiting: number;
  readonly turns: number;
  readonly lost: number;
  readonly torn: number;
  readonly blind: number;
  readonly last: readonly { readonly role: string; readonly content: string; readonly agent: string }[];
  /** What is being said at this moment; more than one where nobody keeps them apart. */
  readonly answers: readonly { readonly agent: string; readonly text: string }[];
}

export interface LiveState {
  readonly lock: boolean;
  readonly agents: Crew["agents"];
  readonly sessions: readonly LiveSession[];
  readonly log: readonly string[];
}

const LAST_MESSAGES = 4;
const LAST_LINES = 3;

interface Sources {
  readonly client: Redis;
  readonly locks: Locks;
  readonly prefix: string;
  readonly lock: boolean;
  readonly sessions: readonly string[];
}

/** What is going on: who holds what, as Redis tells; what is stored; and what agents say at this moment. */
export class Live {
  readonly #answers = new Map<
    string,
    { readonly session: string; readonly agent: string; readonly text: string }
  >();
  readonly #saved = new Map<number, Question>();
  readonly #log: string[] = [];

  constructor(private readonly sources: Sources) {}

  say(line: string): void {
    this.#log.unshift(line);
    this.#log.length = Math.min(this.#log.length, LAST_LINES);
  }

  hear(agent: AgentName, told: Told, question: Question): void {
    const { turn, session } = told;
    const id = `${agent} ${turn}`;
    if (told.kind === "says") this.#answers.set(id, { session, agent, text: told.text });
    else if (told.kind !== "middle") this.#answers.delete(id);
    if (told.kind === "saved") this.#saved.set(turn, question);
  }

  async state(agents: Crew["agents"]): Promise<LiveState> {
    const { lock, sessions } = this.sources;
    // Read first: what is saved meanwhile is in the store, but would count as never said.
    return {
      lock,
      agents,
      sessions: await Promise.all(sessions.map((name) => this.#session(name))),
      log: this.#log,
    };
  }

  /** What the store has, against what agents believe to have saved. */
  async facts(): Promise<SessionFacts[]> {
    return Promise.all(
      this.sources.sessions.map(async (name) =>
        factsOf(name, await this.#messages(name), [...this.#saved.values()]),
      ),
    );
  }

  async #session(session: string): Promise<LiveSession> {
    // In this order: whatever was saved by now, the store has.
    const saved = [...this.#saved.values()];
    const [state, messages] = await Promise.all([
      this.sources.locks.inspect(`memory:${session}`),
      this.#messages(session),
    ]);
    const { stored, missing, torn, blind } = factsOf(session, messages, saved);
    return {
      session,
      holder: state?.holders[0]?.holder,
      waiting: state?.waiting ?? 0,
      turns: stored,
      lost: missing.length,
      torn: torn.length,
      blind: blind.length,
      last: messages.slice(-LAST_MESSAGES).map(shown),
      answers: [...this.#answers.values()].filter((answer) => answer.session === session),
    };
  }

  #messages(session: string): Promise<Message[]> {
    const { client, prefix, lock } = this.sources;
    return openStore(client, prefix, session, lock).getMessages();
  }
}

function shown(message: Message): LiveSession["last"][number] {
  const { role, content } = message;
  return { role, content, agent: message.role === "assistant" ? message.of.agent : "" };
}
