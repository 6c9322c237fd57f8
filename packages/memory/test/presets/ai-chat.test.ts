import { setTimeout as pause } from "node:timers/promises";
import { gate } from "@lock/redis-harness/vitest";
import { consumeStream, convertToModelMessages, jsonSchema, streamText, tool, type UIMessage } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { describe, expect, it } from "vitest";
import { type AiChatOptions, aiChat } from "../../src/index.ts";
import { speaking, streamOf } from "../support/models.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();

/** Chats as an application keeps them, in rows of JSON. */
function store() {
  const rows = new Map<string, string>();
  return {
    loadChat: async (chatId: string): Promise<UIMessage[]> => {
      await pause(5);
      return JSON.parse(rows.get(chatId) ?? "[]");
    },
    saveChat: async ({ chatId, messages }: { chatId: string; messages: UIMessage[] }) => {
      await pause(5);
      rows.set(chatId, JSON.stringify(messages));
    },
  };
}

const asked = (text: string): UIMessage => ({ id: text, role: "user", parts: [{ type: "text", text }] });

const textsOf = (messages: readonly UIMessage[]) =>
  messages.map(({ parts }) => parts.map((part) => (part.type === "text" ? part.text : "")).join(""));

/** One request of a user, as a route answers it. */
function open(options: Partial<AiChatOptions> = {}) {
  const chatId = scene.session();
  const raw = store();
  const chat = aiChat(raw, { locks: scene.locks, wait: 10_000, ...options });
  const post = (text: string, model = speaking("re:", text), tools = {}) =>
    chat.withTurn(
      async ({ signal, waitUntil }) => {
        const messages = [...(await chat.loadChat(chatId)), asked(text)];
        const prompt = await convertToModelMessages(messages);
        const result = streamText({ model, messages: prompt, tools, abortSignal: signal });
        return result.toUIMessageStreamResponse({
          originalMessages: messages,
          consumeSseStream: ({ stream }) => waitUntil(consumeStream({ stream })),
          generateMessageId: () => `answer to ${text}`,
          onFinish: (end) => chat.saveChat({ chatId, messages: end.messages }),
        });
      },
      { sessionId: chatId },
    );
  return { chatId, raw, chat, post, stored: () => raw.loadChat(chatId) };
}

describe("a chat of the AI SDK", () => {
  it("has whole turns: two requests at once lose nothing", async () => {
    const { post, stored } = open();
    await Promise.all(["a", "b", "c"].map(async (text) => (await post(text)).text()));
    const texts = textsOf(await stored());
    expect(texts).toHaveLength(6);
    for (let at = 0; at < 6; at += 2) expect(texts[at + 1]).toBe(`re:${texts[at]}`);
  });

  it("has the whole answer, although the client has left", async () => {
    const { post, stored } = open();
    const reader = (await post("a", speaking("one ", "two ", "three"))).body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await post("b");
    expect(textsOf(await stored())).toEqual(["a", "one two three"]);
  });

  it("loads and saves under the lock of its chat, and stays what it is", async () => {
    const { chat, raw, chatId } = open();
    expect(Object.keys(chat)).toEqual(Object.keys(raw));
    await chat.saveChat({ chatId, messages: [asked("a")] });
    expect(textsOf(await chat.loadChat(chatId))).toEqual(["a"]);
    await expect(chat.loadChat("")).rejects.toThrow(/session id must be a text/);
  });

  it("gives a call that was cut off an error for a result: the model takes the next turn", async () => {
    const { post, stored } = open({ onConcurrentTurn: "interrupt", interruptGrace: 2_000 });
    const began = gate();
    const slow = tool({
      inputSchema: jsonSchema<object>({ type: "object", properties: {} }),
      execute: async (_input, { abortSignal }) => {
        began.open();
        await new Promise((_resolve, reject) =>
          abortSignal?.addEventListener("abort", () => reject(abortSignal.reason)),
        );
      },
    });
    const calling = new MockLanguageModelV3({
      doStream: async () => streamOf({ type: "tool-call", toolCallId: "c1", toolName: "slow", input: "{}" }),
    });
    const first = await post("use it", calling, { slow });
    const reading = first.text().catch(() => "cut");
    await began.opened;
    const second = await (await post("something else")).text();
    await reading;
    expect(second).toContain("something else");
    const parts = (await stored()).flatMap((message) => message.parts);
    const unanswered = parts.filter(
      (part) => "toolCallId" in part && String(part.state).startsWith("input-"),
    );
    expect(unanswered).toEqual([]);
    expect(textsOf(await stored()).at(-1)).toContain("re:something else");
  });
});

it("a chat store without its methods is refused", () => {
  expect(() => aiChat({} as never, { locks: scene.locks })).toThrow(
    'aiChat needs a chat store with the methods "loadChat", "saveChat"',
  );
});
