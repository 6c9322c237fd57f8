/**
 * What a command answers. Strings are bytes: one character each, from 0 to 255.
 * A status and an error are objects, as Lua sees them.
 */
export type Reply = string | number | null | Status | Failure | readonly Reply[];

export interface Status {
  readonly ok: string;
}

export interface Failure {
  readonly err: string;
}

/** A command that the server refuses. */
export class CommandError extends Error {}

export const OK: Status = { ok: "OK" };

export function isFailure(reply: Reply): reply is Failure {
  return typeof reply === "object" && reply !== null && "err" in reply;
}

/** A text as the bytes that are sent. */
export function toBytes(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is one byte each
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}

/** Bytes that were sent as the text that a client makes of them. */
export function toText(bytes: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is one byte each
  return /^[\x00-\x7f]*$/.test(bytes) ? bytes : Buffer.from(bytes, "latin1").toString("utf8");
}
