import { setTimeout as pause } from "node:timers/promises";
import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { MemorySaver, MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { describe, expect, it } from "vitest";
import { langgraphSaver } from "../../src/index.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();

/** A graph of one node that repeats what it was told last, and how often it answered before. */
function graphWith(checkpointer: MemorySaver) {
  return new StateGraph(MessagesAnnotation)
    .addNode("answer", async ({ messages }) => {
      await pause(10);
      return { messages: [new AIMessage(`re:${messages.at(-1)?.text} ${(messages.length - 1) / 2}`)] };
    })
    .addEdge("__start__", "answer")
    .addEdge("answer", "__end__")
    .compile({ checkpointer });
}

describe("a graph", () => {
  it("run by two at once, each in a turn, sees all that was said before", async () => {
    const saver = new MemorySaver();
    const thread = scene.session();
    const config = { configurable: { thread_id: thread } };
    const run = (locks: typeof scene.locks, text: string) => {
      const locked = langgraphSaver(saver, { locks, wait: 20_000 });
      const graph = graphWith(locked);
      return locked.withTurn(() => graph.invoke({ messages: [new HumanMessage(text)] }, config), {
        sessionId: thread,
      });
    };
    const runs = Array.from({ length: 6 }, (_, at) => run(at % 2 ? scene.locks : scene.others, `m${at}`));
    await Promise.all(runs);
    const { values } = await graphWith(saver).getState(config);
    const texts: string[] = values.messages.map((message: HumanMessage) => message.text);
    expect(texts).toHaveLength(12);
    for (let at = 0; at < 12; at += 2) expect(texts[at + 1]).toBe(`re:${texts[at]} ${at / 2}`);
  });

  it("streams in a turn, which ends with the stream", async () => {
    const thread = scene.session();
    const locked = langgraphSaver(new MemorySaver(), { locks: scene.locks });
    const config = { configurable: { thread_id: thread }, streamMode: "values" as const };
    const graph = graphWith(locked);
    const stream = await locked.withTurn(
      () => graph.stream({ messages: [new HumanMessage("hello")] }, config),
      { sessionId: thread },
    );
    let steps = 0;
    for await (const _ of stream) {
      steps += 1;
      expect(await scene.others.inspect(`memory:${thread}`)).not.toBeNull();
    }
    expect(steps).toBeGreaterThan(1);
    expect(await scene.others.inspect(`memory:${thread}`)).toBeNull();
    expect((await graph.getState(config)).values.messages).toHaveLength(2);
  });
});

describe("a saver", () => {
  it("keeps its synchronous methods so", () => {
    const saver = new MemorySaver();
    const locked = langgraphSaver(saver, { locks: scene.locks });
    expect(locked.getNextVersion(1)).toBe(2);
    expect(locked.toJSON()).toBe(saver.toJSON());
    expect(locked).toBeInstanceOf(MemorySaver);
    expect(locked.serde).toBe(saver.serde);
  });

  it("without a thread is refused, and the store is not touched", async () => {
    const saver = new MemorySaver();
    const locked = langgraphSaver(saver, { locks: scene.locks });
    const checkpoint = { v: 4, id: "1", ts: "", channel_values: {}, channel_versions: {}, versions_seen: {} };
    const put = locked.put({ configurable: {} }, checkpoint, { source: "input", step: 0, parents: {} });
    await expect(put).rejects.toMatchObject({ code: "LOCK_USAGE" });
    await expect(put).rejects.toThrow(/a session id must be a text that is not empty, got none/);
    expect(saver.storage).toEqual({});
    await expect(locked.withTurn(() => 1)).rejects.toThrow(
      /withTurn: sessionId must be given, since each call tells its own/,
    );
  });
});
