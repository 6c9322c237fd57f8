import { show } from "@lock/core/adapter";
import { LockUsageError } from "./errors.ts";

/**
 * The key of a session, the same for all memories: whoever holds it has the conversation, in whatever store it is.
 * @throws LockUsageError where no session is known: never one lock for all
 */
export function sessionKey(sessionId: unknown): string {
  // Half a surrogate pair becomes the same byte as any other half: two sessions would be one.
  const isText = typeof sessionId === "string" && !/\p{Cs}/u.test(sessionId);
  if (isText && sessionId !== "") return `memory:${sessionId}`;
  const half = isText || typeof sessionId !== "string" ? "" : " with a lone surrogate";
  const got = sessionId == null ? "none" : `${show(sessionId)}${half}`;
  throw new LockUsageError(
    `a session id must be a text that is not empty, got ${got}: never one lock for all sessions`,
  );
}
