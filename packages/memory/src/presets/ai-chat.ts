import type { LockedMemory } from "../locked-object.ts";
import type { MemoryCall, MemoryOptions } from "../options.ts";
import { CUT_OFF, lockWithToolCalls, type ToolCalls } from "./tool-calls.ts";

/**
 * Where an application of the AI SDK (`ai`) keeps its UI messages, by the shape of its guide on persistence: `loadChat`
 * and `saveChat`.
 */
export interface AiChat {
  loadChat(chatId: string): Promise<readonly unknown[]>;
  saveChat(chat: { readonly chatId: string; readonly messages: never[] }): Promise<void>;
}

/** Options of `aiChat`. A chat is a session. */
export type AiChatOptions = Omit<MemoryOptions, "sessionId"> & Partial<Pick<MemoryOptions, "sessionId">>;

const SHAPE = {
  name: "chat store",
  required: ["loadChat", "saveChat"],
  read: ["loadChat"],
  write: ["saveChat", "deleteChat"],
};

/**
 * Locks the chats of an application of the AI SDK. Hold a turn around `loadChat`, `streamText` and the `onFinish` that
 * saves, and return the result of `streamText`, a stream or a Response of it: the turn lasts until that has ended. If a
 * turn is cut while a tool runs, its call gets an error for a result, since models refuse it without.
 * @throws LockUsageError
 */
export function aiChat<Chat extends AiChat>(chat: Chat, options: AiChatOptions): LockedMemory<Chat> {
  const given = { sessionId: chatOf, ...options };
  return lockWithToolCalls("aiChat", chat, SHAPE, given, toolCallsOf(chat));
}

/** The chat itself, or of an object with one. */
function chatOf({ args: [first] }: MemoryCall): string {
  return typeof first === "string" ? first : Object(first).chatId;
}

/** A part of a UI message, as far as it is a tool call. */
interface Part {
  readonly toolCallId?: string;
  readonly state?: string;
}

interface UiMessage {
  readonly parts?: readonly Part[];
}

function toolCallsOf(chat: AiChat): ToolCalls {
  return {
    writtenBy: ([first]) =>
      messagesOf(Object(first).messages).flatMap(({ parts = [] }) => parts.flatMap(openCall)),
    settle: async (chatId, calls) => {
      const messages = messagesOf(await chat.loadChat(chatId));
      const isOpen = (part: Part) => openCall(part).some((id) => calls.has(id));
      if (!messages.some(({ parts = [] }) => parts.some(isOpen))) return;
      const settled = messages.map(({ parts = [], ...message }) => ({
        ...message,
        parts: parts.map((part) =>
          isOpen(part) ? { ...part, state: "output-error", errorText: CUT_OFF } : part,
        ),
      }));
      await chat.saveChat({ chatId, messages: settled as never[] });
    },
  };
}

function messagesOf(messages: unknown): readonly UiMessage[] {
  return Array.isArray(messages) ? messages : [];
}

/** The id of a call whose input is there, or is coming, and that has no result. */
function openCall({ toolCallId, state = "" }: Part): string[] {
  return toolCallId !== undefined && state.startsWith("input-") ? [toolCallId] : [];
}
