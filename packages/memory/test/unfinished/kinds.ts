import { text } from "node:stream/consumers";
import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { Agent as MastraAgent } from "@mastra/core/agent";
import { Agent, type Model, Runner, type StreamEvent, setTracingDisabled, Usage } from "@openai/agents-core";
import { streamText } from "ai";
import type { Turn } from "../../src/index.ts";
import { speaking } from "../support/models.ts";

setTracingDisabled(true);

/** Saves the answer, as an application does when an SDK calls it back at the end. */
export type Save = (answer: string) => Promise<void>;

/** A result of a turn with something unfinished inside. */
export interface Kind<Result = unknown> {
  readonly name: string;
  /** The work of the turn. */
  readonly work: (save: Save, turn: Turn) => Result | Promise<Result>;
  /** What a caller does with the result: resolves with the answer. */
  readonly read: (result: Result) => Promise<string>;
}

const kind = <Result>(of: Kind<Result>): Kind => of as unknown as Kind;

const WORDS = ["one ", "two ", "three"] as const;
export const ANSWER = WORDS.join("");

const streaming = (save: Save) =>
  streamText({ model: speaking(...WORDS), prompt: "q", onFinish: (end) => save(end.text) });

const iterated = async (stream: AsyncIterable<unknown>, wordOf: (chunk: never) => string = String) => {
  let said = "";
  for await (const chunk of stream) said += wordOf(chunk as never);
  return said;
};

/** A model that streams its words. */
const openaiModel: Model = {
  getResponse: async () => ({ usage: new Usage(), output: [] }),
  async *getStreamedResponse(): AsyncIterable<StreamEvent> {
    for (const delta of WORDS) yield { type: "output_text_delta", delta } as StreamEvent;
    const content = [{ type: "output_text", text: ANSWER }];
    const output = [{ type: "message", role: "assistant", status: "completed", content }];
    const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
    yield { type: "response_done", response: { id: "r", usage, output } } as StreamEvent;
  },
};

const graphOf = (save: Save) =>
  new StateGraph(MessagesAnnotation)
    .addNode("answer", async () => ({ messages: [new AIMessage(ANSWER)] }))
    .addNode("save", async ({ messages }) => {
      await save(String(messages.at(-1)?.content));
      return {};
    })
    .addEdge("__start__", "answer")
    .addEdge("answer", "save")
    .addEdge("save", "__end__")
    .compile();

const asked = { messages: [new HumanMessage("q")] };

/** Of no SDK: it makes its stream when it is asked for it, keeps its state private, and saves when that ends. */
class Answer {
  #save: Save;
  #said = "";

  constructor(save: Save) {
    this.#save = save;
  }

  get length(): number {
    return this.#said.length;
  }

  get wordStream(): ReadableStream<string> {
    const words = WORDS.values();
    return new ReadableStream({
      pull: async (controller) => {
        const { done, value } = words.next();
        if (done) {
          await this.#save(this.#said);
          return controller.close();
        }
        this.#said += value;
        controller.enqueue(value);
      },
    });
  }
}

async function* generated(save: Save) {
  yield* WORDS;
  await save(ANSWER);
}

/** The work goes on by itself, and its end is a promise. */
async function finishing(save: Save): Promise<string> {
  let said = "";
  for (const word of WORDS) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    said += word;
  }
  await save(said);
  return said;
}

export const KINDS: readonly Kind[] = [
  kind({
    name: "the result of streamText, whose textStream is read",
    work: streaming,
    read: (result) => iterated(result.textStream),
  }),
  kind({
    name: "the result of streamText, whose text is awaited",
    work: streaming,
    read: async (result) => await result.text,
  }),
  kind({
    name: "a Response of streamText",
    work: (save) => streaming(save).toTextStreamResponse(),
    read: (response) => response.text(),
  }),
  kind({
    name: "a Response of streamText, whose body is piped",
    work: (save) => streaming(save).toTextStreamResponse(),
    read: async (response) => new Response(response.body, response).text(),
  }),
  kind({
    name: "toUIMessageStream of streamText",
    work: (save) => streaming(save).toUIMessageStream(),
    read: (stream) =>
      iterated(stream, ({ type, delta }: { type: string; delta?: string }) =>
        type === "text-delta" ? String(delta) : "",
      ),
  }),
  kind({
    name: "streamText with consumeStream, whose client leaves",
    work: (save, { waitUntil }) => {
      const result = streaming(save);
      waitUntil(result.consumeStream());
      return result.toUIMessageStream();
    },
    read: async (stream) => {
      const reader = stream.getReader();
      await reader.read();
      await reader.cancel("the client has left");
      return ANSWER;
    },
  }),
  kind({
    name: "agent.stream of Mastra",
    work: (save) => {
      const model = speaking(...WORDS);
      const agent = new MastraAgent({ id: "a", name: "a", instructions: "none", model });
      return agent.stream("q", { onFinish: (end) => save(String(end.text)) });
    },
    read: (output) => iterated(output.textStream),
  }),
  kind({
    name: "graph.stream of LangGraph",
    work: (save) => graphOf(save).stream(asked, { streamMode: "values" }),
    read: async (stream) => {
      let last: AIMessage | undefined;
      for await (const { messages } of stream) last = messages.at(-1) as AIMessage;
      return String(last?.content);
    },
  }),
  kind({
    name: "graph.streamEvents of LangGraph",
    work: (save) => graphOf(save).streamEvents(asked, { version: "v2" }),
    read: async (events) => {
      let last: AIMessage | undefined;
      for await (const { data } of events) last = data.output?.messages?.at?.(-1) ?? last;
      return String(last?.content);
    },
  }),
  kind({
    name: "a streamed run of the OpenAI Agents SDK",
    work: async (save) => {
      const runner = new Runner({ modelProvider: { getModel: () => openaiModel } });
      const run = await runner.run(new Agent({ name: "a", model: "m" }), "q", { stream: true });
      void run.completed.then(() => save(String(run.finalOutput)));
      return run;
    },
    read: async (run) => {
      for await (const _ of run);
      return String(run.finalOutput);
    },
  }),
  kind({
    name: "an object of no SDK",
    work: (save) => new Answer(save),
    read: ({ wordStream }) => iterated(wordStream),
  }),
  kind({
    name: "an object with a stream",
    work: (save) => ({ status: "ok", answer: { stream: generated(save) } }),
    read: ({ answer }) => iterated(answer.stream),
  }),
  kind({
    name: "a list with a stream",
    work: (save) => [new Answer(save).wordStream, "other"] as const,
    read: ([stream]) => text(stream as never),
  }),
  kind({
    name: "a stream that was teed",
    work: (save) => new Answer(save).wordStream.tee(),
    read: async ([one, two]) => (await Promise.all([iterated(one), iterated(two)]))[0],
  }),
  kind({
    name: "an object with a promise",
    work: (save) => ({ answer: finishing(save) }),
    read: ({ answer }) => answer,
  }),
  kind({
    name: "an object of a class with a promise",
    work: (save) =>
      new (class {
        readonly done = finishing(save);
      })(),
    read: ({ done }) => done,
  }),
  kind({
    name: "an object with a promise of a stream",
    work: (save) => ({ opening: Promise.resolve({ words: generated(save) }) }),
    read: async ({ opening }) => iterated((await opening).words),
  }),
];
