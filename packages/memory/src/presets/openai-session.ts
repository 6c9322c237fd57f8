import { lockShape } from "../lock-memory.ts";
import type { LockedMemory } from "../locked-object.ts";
import type { MemoryOptions } from "../options.ts";

/** `Session` of the OpenAI Agents SDK, by its shape. */
export interface OpenaiSession {
  getSessionId(): Promise<string>;
  getItems(limit?: number): Promise<unknown[]>;
  addItems(items: never): Promise<void>;
  popItem(): Promise<unknown>;
  clearSession(): Promise<void>;
}

/** Options of `openaiSession`. Default `sessionId`: what the session says. */
export type OpenaiSessionOptions = Omit<MemoryOptions, "sessionId"> &
  Partial<Pick<MemoryOptions, "sessionId">>;

const SHAPE = {
  name: "session",
  required: ["getSessionId", "getItems", "addItems", "popItem", "clearSession"],
  read: ["getItems", "getItemsWithCompactionOwnership"],
  write: [
    "addItems",
    "addItemsWithCompactionOwnership",
    "applyHistoryMutations",
    "applyHistoryTransaction",
    "clearSession",
    "popItem",
    "replaceHistoryWithCompaction",
    "runCompaction",
  ],
};

/**
 * Locks a session of the OpenAI Agents SDK. A run loads and saves by itself: hold a turn around `run`. What a session has
 * beside the required methods stays, and what it has not stays absent: the SDK looks at both.
 * @throws LockUsageError
 */
export function openaiSession<Session extends OpenaiSession>(
  session: Session,
  options: OpenaiSessionOptions,
): LockedMemory<Session> {
  return lockShape("openaiSession", session, SHAPE, { sessionId: () => session.getSessionId(), ...options });
}
