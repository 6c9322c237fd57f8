import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { ChatOpenAI } from "@langchain/openai";
import { afterAll, beforeAll } from "vitest";

interface ChatMessage {
  readonly role: string;
  readonly content?: string | null;
  readonly tool_calls?: readonly { readonly id: string }[];
  readonly tool_call_id?: string;
}

/** A server that speaks OpenAI's protocol, and refuses a call without a result as that does. */
export interface StrictModel {
  readonly model: ChatOpenAI;
  /** What the last request said. */
  readonly seen: readonly ChatMessage[];
}

/** It calls the tools that the last message of the user names after "use", and answers "fine" otherwise. */
export function useStrictModel(): StrictModel {
  let seen: readonly ChatMessage[] = [];
  let server: Server | undefined;
  let model: ChatOpenAI | undefined;
  let ids = 0;
  const answer = async (request: IncomingMessage) => {
    const { messages } = (await json(request)) as { messages: readonly ChatMessage[] };
    seen = messages;
    const open = openCalls(messages);
    if (open.length > 0) {
      const message = `An assistant message with 'tool_calls' must be followed by tool messages: ${open}`;
      return { status: 400, body: { error: { message, type: "invalid_request_error" } } };
    }
    const last = messages.at(-1);
    const tools =
      last?.role === "user" ? /^use (.*)$/.exec(String(last.content))?.[1]?.split(" and ") : undefined;
    const tool_calls = tools?.map((name) => {
      ids += 1;
      return { id: `call_${ids}`, type: "function", function: { name, arguments: "{}" } };
    });
    const message = { role: "assistant", content: tools ? null : "fine", tool_calls };
    const choices = [{ index: 0, message, finish_reason: tools ? "tool_calls" : "stop" }];
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
    ids += 1;
    return {
      status: 200,
      body: { id: `chat_${ids}`, object: "chat.completion", created: 1, model: "m", choices, usage },
    };
  };
  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const { status, body } = await answer(request);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    model = new ChatOpenAI({ model: "m", apiKey: "none", maxRetries: 0, configuration: { baseURL } });
  });
  afterAll(() => {
    server?.closeAllConnections();
    server?.close();
  });
  return {
    get model() {
      if (model === undefined) throw new Error("the model is there only within tests");
      return model;
    },
    get seen() {
      return seen;
    },
  };
}

/** Calls that are not answered before anybody else speaks. */
function openCalls(messages: readonly ChatMessage[]): string[] {
  return messages.flatMap(({ tool_calls = [] }, at) => {
    const after = messages.slice(at + 1);
    const end = after.findIndex(({ role }) => role !== "tool");
    const answered = after.slice(0, end < 0 ? undefined : end).map(({ tool_call_id }) => tool_call_id);
    return tool_calls.map(({ id }) => id).filter((id) => !answered.includes(id));
  });
}
