import { gate } from "@lock/redis-harness/vitest";
import {
  Agent,
  MemorySession,
  type Model,
  type ModelRequest,
  type ModelResponse,
  Runner,
  type StreamEvent,
  setTracingDisabled,
  tool,
  Usage,
} from "@openai/agents-core";
import { describe, expect, it } from "vitest";
import { openaiSession } from "../../src/index.ts";
import { aborted } from "../support/gate.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();
setTracingDisabled(true);

/** Items of calls without a result, as OpenAI refuses them. */
function openCalls({ input }: ModelRequest): string[] {
  if (typeof input === "string") return [];
  const ids = (type: string) =>
    input.flatMap((item) => (item.type === type && "callId" in item ? [String(item.callId)] : []));
  const answered = new Set(ids("function_call_result"));
  return ids("function_call").filter((id) => !answered.has(id));
}

let calls = 0;

/** A model that calls its tool when it is told to, and refuses a call without a result. */
const strict: Model = {
  async getResponse(request): Promise<ModelResponse> {
    const open = openCalls(request);
    if (open.length > 0) throw new Error(`400 No tool output found for function call ${open}`);
    const { input } = request;
    const last = typeof input === "string" ? input : input.at(-1);
    const isAsked = typeof last === "string" ? last === "use it" : JSON.stringify(last).includes('"use it"');
    calls += 1;
    if (isAsked) {
      const call = {
        type: "function_call",
        callId: `c${calls}`,
        name: "slow",
        arguments: "{}",
        status: "completed",
      } as const;
      return { usage: new Usage(), output: [call] };
    }
    const content = [{ type: "output_text" as const, text: "fine" }];
    return {
      usage: new Usage(),
      output: [{ type: "message", role: "assistant", status: "completed", content }],
    };
  },
  async *getStreamedResponse(request): AsyncIterable<StreamEvent> {
    const { output } = await this.getResponse(request);
    const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
    yield { type: "response_done", response: { id: "r", usage, output: [...output] } } as StreamEvent;
  },
};

describe.each([false, true])(
  "a run with stream: %s that is interrupted between a call and its result",
  (stream) => {
    it("leaves a session with which the next run works", async () => {
      const session = new MemorySession({ sessionId: scene.session() });
      const sessionId = await session.getSessionId();
      const options = { locks: scene.locks, onConcurrentTurn: "interrupt", interruptGrace: 2_000 } as const;
      const locked = openaiSession(session, options);
      const began = gate();
      const slow = tool({
        name: "slow",
        description: "slow",
        parameters: { type: "object", properties: {}, required: [], additionalProperties: false } as const,
        strict: true,
        execute: async (_input, _context, details) => {
          began.open();
          const { signal } = details ?? {};
          if (signal !== undefined) await aborted(signal);
          throw signal?.reason;
        },
      });
      const agent = new Agent({ name: "a", model: "m", tools: [slow] });
      const runner = new Runner({ modelProvider: { getModel: () => strict } });
      const say = (text: string) =>
        locked.withTurn(
          async ({ signal }) => {
            const settings = { session: locked, signal };
            if (!stream) return (await runner.run(agent, text, settings)).finalOutput;
            const run = await runner.run(agent, text, { ...settings, stream: true });
            await run.completed;
            return run.finalOutput;
          },
          { sessionId, wait: 10_000 },
        );
      const cut = say("use it").catch((error: unknown) => error);
      await began.opened;
      expect(await say("something else")).toBe("fine");
      await cut;
      expect(await say("hello?")).toBe("fine");
    });
  },
);
