import { checkOptions } from "@lock/core/adapter";
import { LockUsageError } from "../errors.ts";
import type { Turn } from "../held-turn.ts";
import { MEMORY_ALLOWED, type MemoryOptions } from "../options.ts";
import { Turns } from "../turns.ts";

/** Mastra's `Agent`, by its shape. */
export interface MastraAgent {
  generate(messages: never, options?: never): Promise<unknown>;
  stream(messages: never, options?: never): Promise<unknown>;
}

/** Options of `mastraAgent`. A thread is a session. */
export type MastraAgentOptions = Omit<
  MemoryOptions,
  "sessionId" | "snapshotReads" | "onWrite" | "onLateSave" | "unlisted"
>;

const TURNS = new Set<PropertyKey>(["generate", "stream"]);

/**
 * Locks an agent of Mastra: `generate` and `stream` hold a turn of the thread that they name (`memory.thread`), from before
 * the history is loaded until the answer is saved, over all processes. They get the signal of the turn as `abortSignal`. A
 * call that names no thread has no conversation, and takes no lock; the other members stay as they are.
 * @throws LockUsageError
 */
export function mastraAgent<Agent extends MastraAgent>(agent: Agent, options: MastraAgentOptions): Agent {
  const {
    sessionId: _1,
    snapshotReads: _2,
    onWrite: _3,
    onLateSave: _4,
    unlisted: _5,
    ...allowed
  } = MEMORY_ALLOWED;
  checkOptions("mastraAgent", options, allowed, ["locks"]);
  const turns = new Turns({ ...options, sessionId: () => null });
  for (const method of TURNS) {
    if (typeof Reflect.get(Object(agent), method) === "function") continue;
    throw new LockUsageError(`mastraAgent needs an agent with the methods "generate", "stream"`);
  }
  return new Proxy(agent, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function" || name === "constructor") return member;
      if (!TURNS.has(name)) return member.bind(target);
      return (messages: unknown, given: AgentOptions = {}) => {
        const call = (how: AgentOptions): unknown => Reflect.apply(member, target, [messages, how]);
        const sessionId = threadOf(given);
        if (sessionId === undefined) return call(given);
        const inTurn = ({ signal }: Turn) =>
          call({ ...given, abortSignal: either(signal, given.abortSignal) });
        return turns.withTurn(inTurn, { sessionId });
      };
    },
  });
}

interface AgentOptions {
  readonly memory?: { readonly thread?: string | { readonly id?: string } };
  readonly abortSignal?: AbortSignal;
}

function threadOf({ memory }: AgentOptions): string | undefined {
  const thread = memory?.thread;
  return typeof thread === "object" ? thread.id : thread;
}

function either(turn: AbortSignal, own: AbortSignal | undefined): AbortSignal {
  return own === undefined ? turn : AbortSignal.any([turn, own]);
}
