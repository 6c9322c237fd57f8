import { CUT_OFF } from "./tool-calls.ts";

/** LangChain's messages, by their shape. */
export interface Message {
  readonly tool_calls?: readonly { readonly id?: string; readonly name: string }[];
  readonly tool_call_id?: string;
}

/** The ids of the calls in the last message of each list that has some: earlier ones were written before. */
export function callsIn(values: readonly unknown[]): string[] {
  return values.flatMap((value) => {
    const messages = listOf(value);
    const last = messages.findLast((message) => (Object(message).tool_calls?.length ?? 0) > 0);
    return (last?.tool_calls ?? []).flatMap(({ id }) => id ?? []);
  });
}

/**
 * Messages in which each of these calls has a result: one of `results`, or one that says that it was cut off. The same
 * list where none is missing.
 */
export function withResults(
  messages: readonly Message[],
  calls: ReadonlySet<string>,
  results: readonly Message[] = [],
): readonly Message[] {
  const answered = new Set(messages.map((message) => Object(message).tool_call_id));
  const mended = messages.flatMap((message) => {
    const open = listOf(Object(message).tool_calls ?? []) as {
      readonly id?: string;
      readonly name: string;
    }[];
    const added = open.flatMap(({ id, name }) => {
      if (id === undefined || !calls.has(id) || answered.has(id)) return [];
      return results.find((result) => Object(result).tool_call_id === id) ?? cutOff(message, id, name);
    });
    return [message, ...added];
  });
  return mended.length === messages.length ? messages : mended;
}

export function listOf(value: unknown): readonly Message[] {
  return Array.isArray(value) ? value : [value as Message];
}

type MessageClass = new (fields: object) => object;

/** A ToolMessage, made from the class that all messages of that copy of LangChain extend. */
function cutOff(message: Message, id: string, name: string): Message {
  let prototype: object = message;
  while (!Object.hasOwn(prototype, "toDict")) prototype = Object.getPrototypeOf(prototype);
  const Base = prototype.constructor as MessageClass;
  class ToolMessage extends Base {
    readonly type = "tool";
    readonly tool_call_id = id;
    readonly status = "error";
    static lc_name() {
      return "ToolMessage";
    }
    get lc_aliases() {
      return { tool_call_id: "tool_call_id" };
    }
    _getType() {
      return "tool";
    }
  }
  return new ToolMessage({ content: CUT_OFF, name, tool_call_id: id, status: "error" });
}
