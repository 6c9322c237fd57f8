import { simulateReadableStream } from "ai";
import { MockLanguageModelV3 } from "ai/test";

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

type Stream = Awaited<ReturnType<MockLanguageModelV3["doStream"]>>;
type StreamPart = Stream["stream"] extends ReadableStream<infer Part> ? Part : never;

/** What a model streams, between its start and its end. */
export function streamOf(...parts: readonly StreamPart[]): Stream {
  const chunks: StreamPart[] = [
    { type: "stream-start", warnings: [] },
    ...parts,
    { type: "finish", finishReason: { unified: "stop", raw: "stop" }, usage: USAGE },
  ];
  return { stream: simulateReadableStream({ chunkDelayInMs: 5, initialDelayInMs: 5, chunks }) };
}

/** The AI SDK's own test model: it says these words, one after the other. */
export function speaking(...words: string[]): MockLanguageModelV3 {
  const said = words.map((delta) => ({ type: "text-delta", id: "1", delta }) as const);
  const text = [{ type: "text-start", id: "1" } as const, ...said, { type: "text-end", id: "1" } as const];
  return new MockLanguageModelV3({ doStream: async () => streamOf(...text) });
}
