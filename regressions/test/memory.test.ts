import { EventEmitter } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import {
  Command,
  type Interrupt,
  interrupt,
  MemorySaver,
  MessagesAnnotation,
  StateGraph,
} from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { aiChat, langgraphSaver, lockMemory, mastraAgent, openaiSession } from "@lock/memory";
import { gate } from "@lock/redis-harness/vitest";
import { Agent as MastraAgent } from "@mastra/core/agent";
import { MockMemory } from "@mastra/core/memory";
import { Agent, MemorySession, Runner, type StreamEvent, setTracingDisabled } from "@openai/agents-core";
import { consumeStream, convertToModelMessages, streamText, type UIMessage } from "ai";
import { describe, it } from "vitest";
import { eventually, failure, isFree } from "./support/await.ts";
import { speaking } from "./support/models.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
setTracingDisabled(true);

/** A memory of one session, as two processes have it. */
function share() {
  const sessionId = scene.key();
  const stored: string[] = [];
  const store = { read: async () => [...stored], save: async (what: string) => void stored.push(what) };
  const lock = () => {
    const { locks } = scene.open();
    const methods = { read: ["read"], write: ["save"] } as const;
    return { locks, memory: lockMemory(store, { locks, sessionId, methods, wait: 20_000 }) };
  };
  return { sessionId, stored, one: lock(), two: lock() };
}

describe.concurrent("turns", () => {
  it("vercel/chat#928: a message that is queued between the holder's last look and its release is stranded", async ({
    expect,
  }) => {
    const { stored, one, two } = share();
    let released = 0;
    for (let burst = 0; burst < 4; burst++) {
      const turns = Array.from({ length: 10 }, async (_, at) => {
        await pause(Math.random() * 8);
        const { memory } = at % 2 ? one : two;
        await memory.withTurn(async () => {
          if (released > 0) expect(performance.now() - released).toBeLessThan(5_000);
          await memory.save(`question ${burst} ${at}`);
          await memory.save(`answer ${burst} ${at}`);
        });
        released = performance.now();
      });
      await Promise.all(turns);
      released = 0;
    }
    expect(stored).toHaveLength(80);
    for (let at = 0; at < 80; at += 2) expect(stored[at + 1]).toBe(stored[at]?.replace("question", "answer"));
  });

  it("nodejs/node#34401, nodejs/node#41285, nodejs/node#53037: what was made within a turn keeps the context of that turn, and calls its memory in it for ever", async ({
    expect,
  }) => {
    const { stored, one } = share();
    const { memory } = one;
    const bot = new EventEmitter();
    const [called, turned] = [gate(), gate()];
    bot.once("message", (text: string) => void memory.save(text).then(called.open));
    const ticking = await memory.withTurn(() =>
      setInterval(() => {
        // A server's socket would do so, too: it was made at its first use, which was in a turn.
        bot.emit("message", "a call of its own");
        if (stored.length > 0) bot.emit("turn");
      }, 10),
    );
    bot.once("turn", () => void memory.withTurn(async () => memory.save("a new turn")).then(turned.open));
    await Promise.all([called.opened, turned.opened]);
    clearInterval(ticking);
    expect(stored).toEqual(["a call of its own", "a new turn"]);
  });

  it("mem0ai/mem0#4359: a session id of the whole module mixes the conversations of all users", async ({
    expect,
  }) => {
    const { locks } = scene.open();
    const store = { save: async (session: string, _text: string) => session };
    const methods = { write: ["save"] } as const;
    const sessionId = ({ args: [session] }: { args: readonly unknown[] }) => session as string;
    const memory = lockMemory(store, { locks, methods, sessionId });
    expect(await Promise.all([memory.save("a", "hello"), memory.save("b", "hello")])).toEqual(["a", "b"]);
    for (const none of ["", undefined]) {
      expect(await failure(memory.save(none as string, "hello"))).toMatchObject({ code: "LOCK_USAGE" });
    }
    expect(() => lockMemory(store, { locks, methods } as never)).toThrow(/sessionId/);
  });

  it("openclaw/openclaw#44026: a lock for the agent instead of the session has all its conversations wait for one", async ({
    expect,
  }) => {
    const { locks } = scene.open();
    const [a, b] = [scene.key(), scene.key()];
    const saver = langgraphSaver(new MemorySaver(), { locks, onConcurrentTurn: "reject" });
    const inA = gate();
    const first = saver.withTurn(() => inA.opened, { sessionId: a });
    await eventually("it has begun", async () => !(await isFree(locks, `memory:${a}`)));
    expect(await saver.withTurn(() => "answered", { sessionId: b })).toBe("answered");
    inA.open();
    await first;
  });
});

/** The messages of a thread, by an agent that refuses a call without a result, as providers do. */
function agentWithTool(begun: () => void) {
  const { locks } = scene.open();
  const saver = langgraphSaver(new MemorySaver(), {
    locks,
    onConcurrentTurn: "interrupt",
    interruptGrace: 300,
  });
  const slow = tool(
    async (_input, { signal }: { signal?: AbortSignal }) => {
      begun();
      await new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    },
    { name: "slow", description: "slow", schema: { type: "object", properties: {} } },
  );
  const answer = ({ messages }: typeof MessagesAnnotation.State) => {
    const results = messages.flatMap((message) => ("tool_call_id" in message ? [message.tool_call_id] : []));
    const calls = messages.flatMap((message) => (message as AIMessage).tool_calls ?? []);
    const open = calls.filter(({ id }) => !results.includes(id));
    if (open.length > 0) throw new Error(`400 No tool output found for function call ${open[0]?.id}`);
    const asked = messages.at(-1)?.text === "use it";
    const call = { id: "c1", name: "slow", args: {}, type: "tool_call" as const };
    return { messages: [new AIMessage({ content: asked ? "" : "fine", tool_calls: asked ? [call] : [] })] };
  };
  const graph = new StateGraph(MessagesAnnotation)
    .addNode("answer", answer)
    .addNode("tools", new ToolNode([slow]))
    .addEdge("__start__", "answer")
    .addConditionalEdges("answer", ({ messages }) =>
      (messages.at(-1) as AIMessage).tool_calls?.length ? "tools" : "__end__",
    )
    .addEdge("tools", "answer")
    .compile({ checkpointer: saver });
  const thread = scene.key();
  const configurable = { thread_id: thread };
  return (text: string) =>
    saver.withTurn(
      async ({ signal }) => {
        const { messages } = await graph.invoke(
          { messages: [new HumanMessage(text)] },
          { configurable, signal },
        );
        return messages.at(-1)?.text;
      },
      { sessionId: thread, wait: 10_000 },
    );
}

describe.concurrent("LangGraph", () => {
  it("aegra/aegra#191, Cloudgeni-ai/opengeni#61, github/copilot-cli#2543, openclaw/openclaw#16823: a turn that was cut between a tool call and its result is saved, and every later turn fails with 400", async ({
    expect,
  }) => {
    const begun = gate();
    const say = agentWithTool(begun.open);
    const cut = failure(say("use it"));
    await begun.opened;
    expect(await say("something else")).toBe("fine");
    await cut;
    expect(await say("hello?")).toBe("fine");
  });

  it("aegra/aegra#253, langchain-ai/langgraph#6663, langchain-ai/langgraph#8837: a double click on one approval resumes the graph twice, and approves the next question, too", async ({
    expect,
  }) => {
    const { locks } = scene.open();
    const saver = langgraphSaver(new MemorySaver(), { locks });
    const approved: string[] = [];
    const ask = (question: string) => () => {
      if (interrupt(question) === "yes") approved.push(question);
      return {};
    };
    const graph = new StateGraph(MessagesAnnotation)
      .addNode("draft", ask("delete the draft?"))
      .addNode("production", ask("delete PRODUCTION?"))
      .addEdge("__start__", "draft")
      .addEdge("draft", "production")
      .compile({ checkpointer: saver });
    const sessionId = scene.key();
    const configurable = { thread_id: sessionId };
    type Input = Parameters<typeof graph.invoke>[0];
    const turn = (input: Input) => saver.withTurn(() => graph.invoke(input, { configurable }), { sessionId });
    const questionOf = (state: object) => (state as { __interrupt__: Interrupt<string>[] }).__interrupt__[0];
    const question = questionOf(await turn({ messages: [] }));
    const click = () => turn(new Command({ resume: { [`${question?.id}`]: "yes" } }));
    const ends = await Promise.all([click(), click()]);
    expect(approved).toEqual(["delete the draft?"]);
    for (const end of ends) expect(questionOf(end)?.value).toBe("delete PRODUCTION?");
  });
});

describe.concurrent("other frameworks", () => {
  it("mastra-ai/mastra#21906: two streams of one thread store question, question, answer, answer", async ({
    expect,
  }) => {
    const memory = new MockMemory();
    const thread = scene.key();
    const agent = new MastraAgent({
      id: "a",
      name: "a",
      instructions: "none",
      model: speaking("re"),
      memory,
    });
    const [one, two] = [scene.open(), scene.open()].map(({ locks }) =>
      mastraAgent(agent, { locks, wait: 10_000 }),
    );
    const say = async (locked: typeof one, text: string) => {
      const output = await locked?.stream(text, { memory: { thread, resource: "user" } });
      return output?.text;
    };
    await Promise.all([say(one, "a"), say(two, "b")]);
    const { messages } = await memory.recall({ threadId: thread, resourceId: "user", perPage: false });
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant"]);
  });

  it("vercel/ai#6699, vercel/chatbot#1060: the client leaves in the middle of the answer, and the answer is never saved", async ({
    expect,
  }) => {
    const { locks } = scene.open();
    let kept: UIMessage[] = [];
    const store = {
      loadChat: async (_chatId: string) => kept,
      saveChat: async ({ messages }: { chatId: string; messages: UIMessage[] }) => {
        await pause(20);
        kept = messages;
      },
    };
    const chat = aiChat(store, { locks, wait: 10_000 });
    const chatId = scene.key();
    const post = (text: string) =>
      chat.withTurn(
        async ({ signal, waitUntil }) => {
          const asked: UIMessage = { id: text, role: "user", parts: [{ type: "text", text }] };
          const messages = [...(await chat.loadChat(chatId)), asked];
          const prompt = await convertToModelMessages(messages);
          const model = speaking("one ", "two ", "three");
          return streamText({ model, messages: prompt, abortSignal: signal }).toUIMessageStreamResponse({
            originalMessages: messages,
            consumeSseStream: ({ stream }) => waitUntil(consumeStream({ stream })),
            onFinish: (end) => chat.saveChat({ chatId, messages: end.messages }),
          });
        },
        { sessionId: chatId },
      );
    const reader = (await post("hello")).body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await chat.withTurn(
      async () => {
        const messages = await chat.loadChat(chatId);
        const texts = messages.flatMap(({ parts }) =>
          parts.flatMap((part) => ("text" in part ? [part.text] : [])),
        );
        expect(texts).toEqual(["hello", "one two three"]);
      },
      { sessionId: chatId },
    );
  });

  it("openai/openai-agents-python#1658: a run is stopped while it streams, and the next one reads the session before it is saved", async ({
    expect,
  }) => {
    const { locks } = scene.open();
    const saved: string[] = [];
    class SlowSession extends MemorySession {
      override async addItems(items: Parameters<MemorySession["addItems"]>[0]) {
        await pause(30);
        await super.addItems(items);
        saved.push("saved");
      }
    }
    const session = new SlowSession({ sessionId: scene.key() });
    const sessionId = await session.getSessionId();
    const locked = openaiSession(session, { locks, wait: 10_000 });
    const stop = new AbortController();
    const model = {
      getResponse: async () => Promise.reject(new Error("it only streams")),
      async *getStreamedResponse({ signal }: { signal?: AbortSignal }): AsyncIterable<StreamEvent> {
        yield { type: "response_started" } as StreamEvent;
        await new Promise((_resolve, reject) =>
          signal?.addEventListener("abort", () => reject(signal.reason)),
        );
      },
    };
    const runner = new Runner({ modelProvider: { getModel: () => model } });
    const agent = new Agent({ name: "a", model: "m" });
    const run = await locked.withTurn(
      () => runner.run(agent, "hello", { session: locked, stream: true, signal: stop.signal }),
      { sessionId },
    );
    for await (const _ of run) stop.abort();
    const ended = run.completed.then(
      () => void saved.push("ended"),
      () => void saved.push("ended"),
    );
    await locked.withTurn(async () => void saved.push("next"), { sessionId });
    await ended;
    expect(saved.at(-1)).toBe("next");
    const items = await session.getItems();
    expect(items.map((item) => "content" in item && item.content)).toEqual(items.length > 0 ? ["hello"] : []);
  });
});
