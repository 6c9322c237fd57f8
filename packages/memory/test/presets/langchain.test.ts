import { setTimeout as pause } from "node:timers/promises";
import { BufferMemory } from "@langchain/classic/memory";
import { BaseListChatMessageHistory, InMemoryChatMessageHistory } from "@langchain/core/chat_history";
import { AIMessage, type BaseMessage, HumanMessage } from "@langchain/core/messages";
import { RunnableLambda, RunnableWithMessageHistory } from "@langchain/core/runnables";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import { gate } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { chatHistory, langchainMemory } from "../../src/index.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();

/** A history that takes its time, as one over a network does. */
class SlowHistory extends BaseListChatMessageHistory {
  override lc_namespace = ["test"];
  #stored: readonly BaseMessage[] = [];

  override async getMessages(): Promise<BaseMessage[]> {
    await pause(5);
    return [...this.#stored];
  }

  override async addMessage(message: BaseMessage): Promise<void> {
    const before = this.#stored;
    await pause(5);
    this.#stored = [...before, message];
  }

  override async clear(): Promise<void> {
    this.#stored = [];
  }

  get texts(): string[] {
    return this.#stored.map((message) => message.text);
  }
}

/** A model that repeats what it was told last. */
const echo = RunnableLambda.from(async (messages: BaseMessage[]) => {
  await pause(10);
  return new AIMessage(`re:${messages.at(-1)?.text}`);
});

describe("RunnableWithMessageHistory", () => {
  const withHistory = (history: BaseListChatMessageHistory) =>
    new RunnableWithMessageHistory({ runnable: echo, getMessageHistory: async () => history });
  const config = { configurable: { sessionId: "any" } };

  it("two concurrent invokes, each in a turn: nothing is lost or mixed", async () => {
    const history = new SlowHistory();
    const sessionId = scene.session();
    const one = chatHistory(history, { locks: scene.locks, sessionId });
    const two = chatHistory(history, { locks: scene.others, sessionId });
    const invoke = (locked: typeof one, text: string, began = gate()) =>
      locked.withTurn(() => {
        began.open();
        return withHistory(locked).invoke([new HumanMessage(text)], config);
      });
    const hasBegun = gate();
    const first = invoke(one, "A", hasBegun);
    await hasBegun.opened;
    await Promise.all([first, invoke(two, "B")]);
    expect(history.texts).toEqual(["A", "re:A", "B", "re:B"]);
  });

  it("the same, streamed", async () => {
    const history = new SlowHistory();
    const sessionId = scene.session();
    const locked = chatHistory(history, { locks: scene.locks, sessionId });
    const stream = async (text: string) => {
      const chunks = await locked.withTurn(() =>
        withHistory(locked).stream([new HumanMessage(text)], config),
      );
      const answer: string[] = [];
      for await (const chunk of chunks) answer.push(chunk.text);
      return answer.join("");
    };
    expect(await Promise.all(["A", "B", "C"].map(stream))).toEqual(["re:A", "re:B", "re:C"]);
    expect(history.texts).toEqual(["A", "re:A", "B", "re:B", "C", "re:C"]);
    expect(await scene.locks.inspect(`memory:${sessionId}`)).toBeNull();
  });

  it("does not hide that a save was refused, although LangChain does", async () => {
    const history = new SlowHistory();
    const sessionId = scene.session();
    const locked = chatHistory(history, { locks: scene.locks, sessionId, ttl: 1_000 });
    const losing = RunnableLambda.from(async (messages: BaseMessage[]) => {
      await scene.others.forceRelease(`memory:${sessionId}`);
      await pause(600);
      return new AIMessage(`re:${messages.at(-1)?.text}`);
    });
    const chain = new RunnableWithMessageHistory({ runnable: losing, getMessageHistory: async () => locked });
    const turn = locked.withTurn(() => chain.invoke([new HumanMessage("A")], config));
    await expect(turn).rejects.toMatchObject({ code: "LOCK_LOST" });
    expect(history.texts).toEqual([]);
  });
});

describe("a chat message history", () => {
  it("of many messages is added to in one go", async () => {
    const history = new SlowHistory();
    const sessionId = scene.session();
    const one = chatHistory(history, { locks: scene.locks, sessionId });
    const two = chatHistory(history, { locks: scene.others, sessionId });
    const three = (text: string) => [1, 2, 3].map((part) => new HumanMessage(`${text}${part}`));
    await Promise.all([one.addMessages(three("a")), two.addMessages(three("b"))]);
    const [a, b] = [history.texts.slice(0, 3), history.texts.slice(3)].toSorted();
    expect([a, b]).toEqual([
      ["a1", "a2", "a3"],
      ["b1", "b2", "b3"],
    ]);
  });

  it("stays what it was", async () => {
    const history = new InMemoryChatMessageHistory();
    const locked = chatHistory(history, { locks: scene.locks, sessionId: scene.session() });
    expect(locked).toBeInstanceOf(InMemoryChatMessageHistory);
    await locked.addUserMessage("hello");
    await locked.addAIMessage("hi");
    const read = await locked.getMessages();
    await locked.addMessage(new HumanMessage("more"));
    expect(read.map((message) => message.text)).toEqual(["hello", "hi"]);
    expect(JSON.stringify(locked)).toBe(JSON.stringify(history));
    await locked.clear();
    expect(await history.getMessages()).toEqual([]);
  });
});

describe("a memory of LangChain's chains", () => {
  it("saves in order what comes at once", async () => {
    const history = new SlowHistory();
    const memory = new BufferMemory({ chatHistory: history, returnMessages: true });
    const locked = langchainMemory(memory, { locks: scene.locks, sessionId: scene.session() });
    expect(locked).toBeInstanceOf(BufferMemory);
    expect(locked.memoryKeys).toEqual(["history"]);
    await Promise.all(
      ["1", "2", "3"].map((at) => locked.saveContext({ input: `u${at}` }, { output: `a${at}` })),
    );
    const texts = history.texts;
    for (const at of [0, 2, 4]) expect(texts[at + 1]).toBe(texts[at]?.replace("u", "a"));
    expect(texts.filter((text) => text.startsWith("u")).toSorted()).toEqual(["u1", "u2", "u3"]);
    expect((await locked.loadMemoryVariables({})).history).toHaveLength(6);
    await locked.clear();
    expect(history.texts).toEqual([]);
  });

  it("serves a model in a turn", async () => {
    const memory = new BufferMemory();
    const locked = langchainMemory(memory, { locks: scene.locks, sessionId: scene.session() });
    const model = new FakeListChatModel({ responses: ["hi"] });
    await locked.withTurn(async ({ signal }) => {
      const { history } = await locked.loadMemoryVariables({});
      const answer = await model.invoke([new HumanMessage(`${history} hello`)], { signal });
      await locked.saveContext({ input: "hello" }, { output: answer.text });
    });
    expect((await locked.loadMemoryVariables({})).history).toBe("Human: hello\nAI: hi");
  });
});
