import { gate } from "@lock/redis-harness/vitest";
import { Agent } from "@mastra/core/agent";
import { MockMemory } from "@mastra/core/memory";
import { createTool } from "@mastra/core/tools";
import { MockLanguageModelV3 } from "ai/test";
import { describe, expect, it } from "vitest";
import { mastraAgent } from "../../src/index.ts";
import { aborted } from "../support/gate.ts";
import { speaking, streamOf } from "../support/models.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();

/** An agent that remembers, as two processes have it. */
function open() {
  const memory = new MockMemory();
  const thread = scene.session();
  const agent = new Agent({ id: "a", name: "a", instructions: "none", model: speaking("re"), memory });
  const one = mastraAgent(agent, { locks: scene.locks, wait: 10_000 });
  const two = mastraAgent(agent, { locks: scene.others, wait: 10_000 });
  const options = { memory: { thread, resource: "user" } };
  const isBusy = async () => (await scene.others.inspect(`memory:${thread}`)) !== null;
  const texts = async () => {
    const { messages } = await memory.recall({ threadId: thread, resourceId: "user", perPage: false });
    return messages.map(({ content }) => JSON.stringify(content.parts).match(/"text":"([^"]*)"/)?.[1]);
  };
  return { agent, one, two, options, isBusy, texts };
}

describe("an agent of Mastra", () => {
  it("streams in a turn of its thread, which ends when the answer is saved", async () => {
    const { one, options, isBusy, texts } = open();
    const output = await one.stream("hello", options);
    expect(await isBusy()).toBe(true);
    let said = "";
    for await (const word of output.textStream) said += word;
    expect(said).toBe("re");
    await expect.poll(isBusy).toBe(false);
    expect(await texts()).toEqual(["hello", "re"]);
  });

  it("run by two at once keeps question and answer together", async () => {
    const { one, two, options, texts } = open();
    const ask = async (agent: typeof one, text: string) => {
      const output = await agent.stream(text, options);
      return output.text;
    };
    await Promise.all(["a", "b", "c", "d"].map((text, at) => ask(at % 2 ? one : two, text)));
    const said = await texts();
    expect(said).toHaveLength(8);
    for (let at = 0; at < 8; at += 2)
      expect([said[at], said[at + 1]]).toEqual([expect.stringMatching(/^[a-d]$/), "re"]);
  });

  it("is what it was, takes no lock without a thread, and gets the signal of its turn", async () => {
    const { agent, one, options, isBusy } = open();
    expect(one).toBeInstanceOf(Agent);
    expect(one.name).toBe(agent.name);
    const output = await one.stream("hello");
    expect(await isBusy()).toBe(false);
    expect(await output.text).toBe("re");
    const given: (AbortSignal | undefined)[] = [];
    const probe = {
      generate: async (_messages: string, how?: { abortSignal?: AbortSignal }) =>
        void given.push(how?.abortSignal),
      stream: async () => undefined,
    };
    const locked = mastraAgent(probe, { locks: scene.locks });
    await locked.generate("hello", { ...options } as never);
    await locked.generate("hello", { ...options, abortSignal: AbortSignal.abort() } as never);
    expect(given.map((signal) => signal?.aborted)).toEqual([false, true]);
  });

  it("works again when a turn was interrupted between a tool call and its result", async () => {
    const began = gate();
    const slow = createTool({
      id: "slow",
      description: "slow",
      execute: async (_input, context) => {
        began.open();
        if (context?.abortSignal !== undefined) throw await aborted(context.abortSignal);
      },
    });
    // As providers do, it refuses a call that has no result.
    const model = new MockLanguageModelV3({
      doStream: async ({ prompt }) => {
        const parts = prompt.flatMap(({ content }): readonly { type: string; toolCallId?: string }[] =>
          typeof content === "string" ? [] : content,
        );
        const ids = (type: string) =>
          parts.filter((part) => part.type === type).map((part) => part.toolCallId);
        const open = ids("tool-call").filter((id) => !ids("tool-result").includes(id));
        if (open.length > 0) throw new Error(`400: ${open} has no result`);
        if (!JSON.stringify(prompt.at(-1)).includes("use it")) return speaking("fine").doStream({ prompt });
        return streamOf({ type: "tool-call", toolCallId: "c1", toolName: "slow", input: "{}" });
      },
    });
    const memory = new MockMemory();
    const agent = new Agent({ id: "a", name: "a", instructions: "none", model, memory, tools: { slow } });
    const locked = mastraAgent(agent, { locks: scene.locks, wait: 10_000, onConcurrentTurn: "interrupt" });
    const options = { memory: { thread: scene.session(), resource: "user" } };
    const ask = async (text: string) => (await locked.stream(text, options)).text;
    const cut = ask("use it").catch((error: unknown) => error);
    await began.opened;
    expect(await ask("something else")).toBe("fine");
    await cut;
    expect(await ask("hello?")).toBe("fine");
  });

  it("refuses what is no agent, and options that it has no use for", () => {
    expect(() => mastraAgent({} as never, { locks: scene.locks })).toThrow(/needs an agent with the methods/);
    expect(() => mastraAgent(open().agent, { locks: scene.locks, sessionId: "a" } as never)).toThrow(
      "mastraAgent has no option 'sessionId'",
    );
    expect(() => mastraAgent(open().agent, {} as never)).toThrow(/locks must be what createLocks returns/);
  });
});
