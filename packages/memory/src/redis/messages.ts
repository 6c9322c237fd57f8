import { LockUsageError } from "@lock/core";

/** A message as it is kept by default. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** How messages are written as text. */
export interface MessageCodec<Message> {
  encode(message: Message): string;
  decode(text: string): Message;
  /** The message of what was said or answered: `saveContext` needs it. */
  compose?(role: "user" | "assistant", content: string): Message;
}

/** How messages are written by default. */
export const JSON_CODEC: MessageCodec<ChatMessage> = {
  encode: (message) => JSON.stringify(message),
  decode: (text) => {
    try {
      return JSON.parse(text);
    } catch {
      // What the parser says repeats a part of the conversation.
      throw new SyntaxError("a message in the store is no JSON: was it written with another codec?");
    }
  },
  compose: (role, content) => ({ role, content }),
};

/** The text of the only value of what `saveContext` is given. @throws LockUsageError */
export function onlyText(role: string, values: Record<string, unknown>): string {
  const texts = Object.values(Object(values));
  if (texts.length === 1 && typeof texts[0] === "string") return texts[0];
  const names =
    Object.keys(Object(values))
      .map((name) => JSON.stringify(name))
      .join(", ") || "none";
  throw new LockUsageError(
    `saveContext needs exactly one text of the ${role}, got ${names}; use append for all else`,
  );
}
