import { simulateReadableStream } from "ai";
import { MockLanguageModelV3 } from "ai/test";

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

/** The AI SDK's own test model: it says these words, one after the other. */
export function speaking(...words: string[]): MockLanguageModelV3 {
  const chunks = () => [
    { type: "stream-start" as const, warnings: [] },
    { type: "text-start" as const, id: "1" },
    ...words.map((delta) => ({ type: "text-delta" as const, id: "1", delta })),
    { type: "text-end" as const, id: "1" },
    { type: "finish" as const, finishReason: { unified: "stop" as const, raw: "stop" }, usage },
  ];
  const doStream = async () => ({
    stream: simulateReadableStream({ chunkDelayInMs: 5, initialDelayInMs: 5, chunks: chunks() }),
  });
  return new MockLanguageModelV3({ doStream });
}
