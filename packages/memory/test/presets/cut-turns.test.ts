import { InMemoryChatMessageHistory } from "@langchain/core/chat_history";
import { AIMessage, type BaseMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { Command, interrupt, MemorySaver } from "@langchain/langgraph";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { gate } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { chatHistory, type LanggraphSaverOptions, langgraphSaver } from "../../src/index.ts";
import { aborted } from "../support/gate.ts";
import { useScene } from "../support/scene.ts";
import { useStrictModel } from "../support/strict-model.ts";
import { warned } from "../support/warned.ts";

const scene = useScene();
const strict = useStrictModel();
const CUT_OFF = /cut off before it had a result/;

/** An agent with a tool that is slow, one that is quick, and one that asks a person. */
function open(options: Partial<LanggraphSaverOptions> = {}, version: "v1" | "v2" = "v2") {
  const thread = scene.session();
  const raw = new MemorySaver();
  const saver = langgraphSaver(raw, { locks: scene.locks, wait: 10_000, interruptGrace: 300, ...options });
  const began = gate();
  const goOn = gate();
  const slow = tool(
    async (_input, { signal }) => {
      began.open();
      await Promise.race([goOn.opened, ...(signal ? [aborted(signal)] : [])]);
      signal?.throwIfAborted();
      return "slow result";
    },
    { name: "slow", description: "slow", schema: { type: "object", properties: {} } },
  );
  const deaf = tool(
    async () => {
      began.open();
      await goOn.opened;
      return "deaf result";
    },
    { name: "deaf", description: "deaf", schema: { type: "object", properties: {} } },
  );
  const quick = tool(async () => "quick result", {
    name: "quick",
    description: "quick",
    schema: { type: "object", properties: {} },
  });
  const asking = tool(async () => `asked: ${interrupt("may I?")}`, {
    name: "asking",
    description: "asking",
    schema: { type: "object", properties: {} },
  });
  const tools = [slow, deaf, quick, asking];
  const agent = createReactAgent({ llm: strict.model, tools, checkpointSaver: saver, version });
  const config = { configurable: { thread_id: thread } };
  const said = (text: string) => ({ messages: [new HumanMessage(text)] });
  const say = (text: string, signal?: AbortSignal) =>
    saver.withTurn(
      (turn) =>
        agent.invoke(said(text), {
          ...config,
          signal: AbortSignal.any([turn.signal, ...(signal ? [signal] : [])]),
        }),
      { sessionId: thread },
    );
  const messages = async (): Promise<BaseMessage[]> => (await agent.getState(config)).values.messages;
  const texts = async () => (await messages()).map((message) => `${message.getType()}: ${message.text}`);
  return { thread, raw, saver, agent, config, said, say, messages, texts, began, goOn };
}

type Scene = ReturnType<typeof open>;

/** How a turn may be cut while its tool runs. Resolves when it has settled. */
const CUTS: readonly (readonly [
  how: string,
  tool: string,
  cut: (scene: Scene, turn: Promise<unknown>) => unknown,
])[] = [
  [
    "is interrupted by a newer one",
    "slow",
    ({ saver, thread }) =>
      saver.withTurn(() => undefined, { sessionId: thread, onConcurrentTurn: "interrupt" }),
  ],
  [
    "is interrupted, and its tool does not hear",
    "deaf",
    async ({ saver, thread, goOn }) => {
      await saver.withTurn(() => undefined, { sessionId: thread, onConcurrentTurn: "interrupt" });
      goOn.open();
    },
  ],
  ["has lost its lease", "slow", ({ thread }) => scene.others.forceRelease(`memory:${thread}`)],
];

/** All tools in one node, or a task for each. */
describe.each(["v1", "v2"] as const)(
  "an agent %s whose turn is cut between a tool call and its result",
  (version) => {
    it.each(CUTS)("when it %s: the next turns work", async (_how, name, cut) => {
      const opened = open({ interruptible: true, ttl: 1_000 }, version);
      const turn = opened.say(`use ${name}`).catch((error: unknown) => error);
      await opened.began.opened;
      await cut(opened, turn);
      expect(await turn).toMatchObject({ code: expect.stringMatching(/TURN_INTERRUPTED|LOCK_LOST/) });
      await opened.say("something else");
      await opened.say("hello?");
      const [asked, call, result, ...others] = await opened.texts();
      expect([asked, call]).toEqual([`human: use ${name}`, "ai: "]);
      expect(result).toMatch(CUT_OFF);
      expect(others).toEqual(["human: something else", "ai: fine", "human: hello?", "ai: fine"]);
    });

    it("when its caller aborts it", async () => {
      const opened = open({}, version);
      const leaving = new AbortController();
      const turn = opened.say("use slow", leaving.signal).catch((error: unknown) => error);
      await opened.began.opened;
      leaving.abort();
      expect(await turn).toMatchObject({ name: "AbortError" });
      await opened.say("something else");
      expect((await opened.texts())[2]).toMatch(CUT_OFF);
    });

    it("when the reader of its stream leaves", async () => {
      const opened = open({}, version);
      const { saver, agent, config, said, thread } = opened;
      const stream = await saver.withTurn(
        ({ signal }) => agent.stream(said("use slow"), { ...config, signal, streamMode: "updates" }),
        { sessionId: thread },
      );
      for await (const _ of stream) break;
      await opened.say("something else");
      expect((await opened.texts())[2]).toMatch(CUT_OFF);
    });

    it("may be resumed: what was cut is not run again, and the model takes it", async () => {
      const opened = open({ onConcurrentTurn: "interrupt" }, version);
      const { saver, agent, config, thread } = opened;
      const turn = opened.say("use slow").catch((error: unknown) => error);
      await opened.began.opened;
      await saver.withTurn(() => undefined, { sessionId: thread });
      await turn;
      opened.goOn.open();
      await saver.withTurn(() => agent.invoke(null, config), { sessionId: thread });
      await opened.say("hello?");
      const tools = (await opened.texts()).filter((text) => text.startsWith("tool: "));
      expect(tools).toEqual([expect.stringMatching(CUT_OFF)]);
    });
  },
);

describe("a graph of which some tools are done when it is cut", () => {
  it("keeps the results that were there, each once", async () => {
    const opened = open({ onConcurrentTurn: "interrupt" });
    const turn = opened.say("use quick and slow").catch((error: unknown) => error);
    await opened.began.opened;
    // The result of the quick one is a write that is pending for its checkpoint.
    const pending = async () => (await opened.raw.getTuple(opened.config))?.pendingWrites ?? [];
    await expect.poll(async () => JSON.stringify(await pending())).toContain("quick result");
    await opened.say("something else");
    await turn;
    const results = (await opened.messages()).filter((message) => message instanceof ToolMessage);
    expect(
      results.map(({ name, text, status }) => [name, CUT_OFF.test(text) ? "cut off" : text, status]),
    ).toEqual([
      ["quick", "quick result", "success"],
      ["slow", "cut off", "error"],
    ]);
    const toolsSeen = strict.seen.filter(({ role }) => role === "tool");
    expect(toolsSeen).toHaveLength(2);
  });
});

describe("a graph whose turn was not cut keeps an open call", () => {
  it("that waits for a person: it is resumed", async () => {
    const opened = open();
    await opened.say("use asking");
    expect((await opened.messages()).at(-1)).toBeInstanceOf(AIMessage);
    const resume = () => opened.agent.invoke(new Command({ resume: "yes" }), opened.config);
    await opened.saver.withTurn(resume, { sessionId: opened.thread });
    expect((await opened.texts()).slice(2)).toEqual(["tool: asked: yes", "ai: fine"]);
  });
});

describe("a chat history whose turn is cut between a tool call and its result", () => {
  const call = () => new AIMessage({ content: "", tool_calls: [{ name: "slow", args: {}, id: "c1" }] });

  it("gets a result that says so, as a message of LangChain", async () => {
    const raw = new InMemoryChatMessageHistory();
    const sessionId = scene.session();
    const history = chatHistory(raw, { locks: scene.locks, sessionId, onConcurrentTurn: "interrupt" });
    const began = gate();
    const cut = history.withTurn(async ({ signal }) => {
      await history.addMessages([new HumanMessage("use slow"), call()]);
      began.open();
      throw await aborted(signal);
    });
    cut.catch(() => undefined);
    await began.opened;
    await history.withTurn(() => history.addMessage(new HumanMessage("something else")));
    await expect(cut).rejects.toMatchObject({ code: "TURN_INTERRUPTED" });
    const messages = await raw.getMessages();
    expect(messages.map((message) => message.getType())).toEqual(["human", "ai", "tool", "human"]);
    const [, , result] = messages;
    expect(result).toBeInstanceOf(ToolMessage);
    expect(result?.toDict()).toMatchObject({
      type: "tool",
      data: { tool_call_id: "c1", name: "slow", status: "error" },
    });
    expect(result?.text).toMatch(CUT_OFF);
    expect(await strict.model.invoke([...messages])).toMatchObject({ content: "fine" });
  });

  it("is left alone where its result came, or where the turn was not cut", async () => {
    const raw = new InMemoryChatMessageHistory();
    const sessionId = scene.session();
    const history = chatHistory(raw, { locks: scene.locks, sessionId });
    await history.withTurn(() => history.addMessage(call()));
    const leaving = AbortSignal.abort();
    const result = new ToolMessage({ content: "done", tool_call_id: "c1" });
    const aborting = history.withTurn(async () => {
      await history.addMessages([call(), result]);
      leaving.throwIfAborted();
    });
    await expect(aborting).rejects.toMatchObject({ name: "AbortError" });
    expect((await raw.getMessages()).map((message) => message.getType())).toEqual(["ai", "ai", "tool"]);
  });

  it("hears of it by a warning where the result cannot be added", async () => {
    const raw = new InMemoryChatMessageHistory();
    const history = chatHistory(raw, { locks: scene.locks, sessionId: scene.session() });
    const told = warned(({ code }) => code === "LOCK_MEMORY_OPEN_TOOL_CALL");
    const cut = history.withTurn(async () => {
      await history.addMessage(call());
      raw.addMessage = () => Promise.reject(new Error("full"));
      AbortSignal.abort().throwIfAborted();
    });
    await expect(cut).rejects.toMatchObject({ name: "AbortError" });
    expect(await told).toBeInstanceOf(Error);
  });
});
