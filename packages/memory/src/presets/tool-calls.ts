import { checkOptions } from "@lock/core/adapter";
import { currentTurn, outsideTurn } from "../current-turn.ts";
import type { HeldTurn } from "../held-turn.ts";
import { lockShape } from "../lock-memory.ts";
import type { LockedMemory } from "../locked-object.ts";
import type { MemoryShape } from "../methods.ts";
import { MEMORY_ALLOWED, type MemoryOptions, type MemoryWrite } from "../options.ts";
import { warnOnce } from "../warnings.ts";

/** What a preset knows of tool calls. A model refuses a conversation in which a call has no result. */
export interface ToolCalls {
  /** The ids of the calls that a write brings. */
  readonly writtenBy: (args: readonly unknown[]) => Iterable<string>;
  /**
   * Adds a result to those calls of a turn that have none. Called under the lock; `isLate` when the turn was lost, and
   * newer ones may have begun.
   */
  readonly settle: (sessionId: string, calls: ReadonlySet<string>, isLate: boolean) => Promise<void>;
}

/** What the model is told of a call whose turn was cut. */
export const CUT_OFF =
  "This call was cut off before it had a result. It may have run in part, or not at all.";

/** `lockShape` for a store of messages with tool calls: a turn that is cut leaves no call without a result. */
export function lockWithToolCalls<Memory extends object>(
  name: string,
  memory: Memory,
  shape: MemoryShape,
  options: MemoryOptions,
  toolCalls: ToolCalls,
): LockedMemory<Memory> {
  checkOptions(name, options, MEMORY_ALLOWED, ["locks", "sessionId"]);
  const written = new WeakMap<object, Set<string>>();

  const onWrite = async (write: MemoryWrite) => {
    await options.onWrite?.(write);
    const turn = currentTurn(write.sessionId);
    if (turn === undefined) return;
    const calls = written.get(turn) ?? new Set();
    for (const id of toolCalls.writtenBy(write.args)) calls.add(id);
    written.set(turn, calls);
  };

  const atEnd = async (turn: HeldTurn, isLost: boolean) => {
    const calls = written.get(turn);
    if (calls === undefined || calls.size === 0 || !isCut(turn)) return;
    const { sessionId } = turn;
    const settle = () => toolCalls.settle(sessionId, calls, isLost);
    const warn = () =>
      warnOnce("LOCK_MEMORY_OPEN_TOOL_CALL", "a tool call of a turn that was cut has no result");
    // Stores look for the fencing token of the turn.
    if (!isLost) return turn.enter(settle).catch(warn);
    const anew = { sessionId, onConcurrentTurn: "enqueue" } as const;
    void outsideTurn(() => locked.withTurn(settle, anew)).catch(warn);
  };

  const locked = lockShape(name, memory, shape, { ...options, onWrite }, atEnd);
  return locked;
}

/** Whether the work of a turn was stopped: a turn that merely failed may be resumed where it stands. */
function isCut({ isLeft, signal, failure }: HeldTurn): boolean {
  return isLeft || signal.aborted || /abort|timeout/i.test(String(Object(failure).name));
}
