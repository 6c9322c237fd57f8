import {
  Command,
  END,
  type Interrupt,
  interrupt,
  MemorySaver,
  MessagesAnnotation,
  START,
  StateGraph,
} from "@langchain/langgraph";
import { describe, expect, it } from "vitest";
import { type LanggraphSaverOptions, langgraphSaver } from "../../src/index.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();

/** Asks a person two things, one after the other. */
function open(options: Partial<LanggraphSaverOptions> = {}) {
  const thread = scene.session();
  const saver = langgraphSaver(new MemorySaver(), { locks: scene.locks, ...options });
  const answers: string[] = [];
  const ask = (question: string) => async () => {
    answers.push(`${question} ${interrupt(question)}`);
    return {};
  };
  const graph = new StateGraph(MessagesAnnotation)
    .addNode("draft", ask("delete the draft?"))
    .addNode("production", ask("delete PRODUCTION?"))
    .addEdge(START, "draft")
    .addEdge("draft", "production")
    .addEdge("production", END)
    .compile({ checkpointer: saver });
  const config = { configurable: { thread_id: thread } };
  type Input = Parameters<typeof graph.invoke>[0];
  const turn = (input: Input) => saver.withTurn(() => graph.invoke(input, config), { sessionId: thread });
  const asked = (state: object) => (state as { __interrupt__?: Interrupt<string>[] }).__interrupt__?.[0];
  return { turn, asked, answers };
}

describe("a double click on an approval", () => {
  it("answers one question, where it names the question that it answers", async () => {
    const { turn, asked, answers } = open();
    const question = asked(await turn({ messages: [] }));
    expect(question?.value).toBe("delete the draft?");
    const click = () => turn(new Command({ resume: { [question?.id ?? ""]: "yes" } }));
    const ends = await Promise.all([click(), click()]);
    expect(answers).toEqual(["delete the draft? yes"]);
    for (const end of ends) expect(asked(end)?.value).toBe("delete PRODUCTION?");
    const next = asked(ends[1])?.id ?? "";
    expect(next).not.toBe(question?.id);
    await turn(new Command({ resume: { [next]: "no" } }));
    expect(answers).toEqual(["delete the draft? yes", "delete PRODUCTION? no"]);
  });

  it("is refused while the first one is at work, with reject", async () => {
    const { turn, asked, answers } = open({ onConcurrentTurn: "reject" });
    const question = asked(await turn({ messages: [] }));
    const click = () => turn(new Command({ resume: { [question?.id ?? ""]: "yes" } }));
    const ends = await Promise.allSettled([click(), click()]);
    expect(ends.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const refused = ends.find((end) => end.status === "rejected");
    expect(refused?.reason).toMatchObject({ code: "LOCK_TIMEOUT" });
    expect(answers).toEqual(["delete the draft? yes"]);
  });

  it("answers the next question, where it names none: the recipe is needed", async () => {
    const { turn, answers } = open();
    await turn({ messages: [] });
    const click = () => turn(new Command({ resume: "yes" }));
    await Promise.all([click(), click()]);
    expect(answers).toEqual(["delete the draft? yes", "delete PRODUCTION? yes"]);
  });
});
