import { setTimeout as pause } from "node:timers/promises";
import {
  Agent,
  isOpenAIResponsesCompactionAwareSession,
  isRunContextAwareSession,
  isSessionHistoryRewriteAwareSession,
  isSessionHistoryTransactionAwareSession,
  MemorySession,
  type Model,
  type ModelRequest,
  type ModelResponse,
  Runner,
  type StreamEvent,
  setTracingDisabled,
  Usage,
} from "@openai/agents-core";
import { describe, expect, it } from "vitest";
import { openaiSession } from "../../src/index.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();
setTracingDisabled(true);

/** A session that takes its time. */
class SlowSession extends MemorySession {
  override async getItems(limit?: number) {
    await pause(5);
    return super.getItems(limit);
  }
}

function lastText({ input }: ModelRequest): string {
  if (typeof input === "string") return input;
  const last = input.at(-1);
  return last !== undefined && "content" in last && typeof last.content === "string" ? last.content : "?";
}

const message = (text: string): ModelResponse["output"][number] => ({
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text }],
});

/** A model that repeats what it was told last, and how many messages it saw. */
const echo: Model = {
  async getResponse(request) {
    await pause(10);
    const seen = typeof request.input === "string" ? 1 : request.input.length;
    return { usage: new Usage(), output: [message(`re:${lastText(request)} ${seen}`)] };
  },
  async *getStreamedResponse(request): AsyncIterable<StreamEvent> {
    const { output } = await this.getResponse(request);
    const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
    yield { type: "response_done", response: { id: "r", usage, output: [...output] } } as StreamEvent;
  },
};

const runner = new Runner({ modelProvider: { getModel: () => echo } });
const agent = new Agent({ name: "echo", model: "echo" });

async function texts(session: MemorySession): Promise<string[]> {
  const items = await session.getItems();
  return items.map((item) => {
    if (!("content" in item)) return "?";
    const [part] = Array.isArray(item.content) ? item.content : [];
    if (typeof item.content === "string") return item.content;
    return part !== undefined && "text" in part ? String(part.text) : "?";
  });
}

describe("runs of an agent that share a session", () => {
  const share = () => {
    const session = new SlowSession({ sessionId: scene.session() });
    return {
      session,
      one: openaiSession(session, { locks: scene.locks }),
      two: openaiSession(session, { locks: scene.others }),
    };
  };

  const inOrder = (all: string[], runs: number) => {
    expect(all).toHaveLength(2 * runs);
    for (let at = 0; at < all.length; at += 2) expect(all[at + 1]).toBe(`re:${all[at]} ${at + 1}`);
  };

  it("come one after the other, each in a turn", async () => {
    const { session, one, two } = share();
    const run = async (locked: typeof one, text: string) =>
      locked.withTurn(() => runner.run(agent, text, { session: locked }), {
        sessionId: await session.getSessionId(),
        wait: 20_000,
      });
    await Promise.all(Array.from({ length: 6 }, (_, at) => run(at % 2 ? one : two, `m${at}`)));
    inOrder(await texts(session), 6);
  });

  it("the same, streamed: the turn ends when the run is completed", async () => {
    const { session, one } = share();
    const sessionId = await session.getSessionId();
    const run = async (text: string) => {
      const result = await one.withTurn(() => runner.run(agent, text, { session: one, stream: true }), {
        sessionId,
        wait: 20_000,
      });
      for await (const _ of result);
      await result.completed;
      return result.finalOutput;
    };
    expect(await Promise.all([run("a"), run("b"), run("c")])).toHaveLength(3);
    inOrder(await texts(session), 3);
    await expect.poll(() => scene.others.inspect(`memory:${sessionId}`)).toBeNull();
  });
});

describe("a session", () => {
  it("has what it had, and has not what it had not: the SDK looks at both", async () => {
    const session = new MemorySession();
    const locked = openaiSession(session, { locks: scene.locks });
    expect(isSessionHistoryRewriteAwareSession(locked)).toBe(isSessionHistoryRewriteAwareSession(session));
    expect(isSessionHistoryTransactionAwareSession(locked)).toBe(
      isSessionHistoryTransactionAwareSession(session),
    );
    expect(isOpenAIResponsesCompactionAwareSession(locked)).toBe(false);
    expect(isRunContextAwareSession(locked)).toBe(false);
    expect(await locked.getSessionId()).toBe(await session.getSessionId());
    await locked.addItems([{ role: "user", content: "a" }]);
    expect(await locked.popItem()).toMatchObject({ content: "a" });
    await locked.clearSession();
  });
});
