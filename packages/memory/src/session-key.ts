import { LockUsageError } from "@lock/core";

/**
 * The key of a session, the same for all memories: whoever holds it has the conversation, in whatever store it is.
 * @throws LockUsageError where no session is known: never one lock for all
 */
export function sessionKey(sessionId: unknown): string {
  if (typeof sessionId === "string" && sessionId !== "") return `memory:${sessionId}`;
  const got = sessionId === "" ? "an empty one" : `a value of type ${typeof sessionId}`;
  throw new LockUsageError(
    `a session id must be a text that is not empty, got ${sessionId == null ? "none" : got}: never one lock for all sessions`,
  );
}
