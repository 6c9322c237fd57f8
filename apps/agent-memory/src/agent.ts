import { isLockError, type Locks } from "@lock/core";
import { type Parent, redisUrlOfParent, runWorker } from "@lock/demo-kit";
import { openClient, openLocks } from "@lock/demo-kit/clients";
import { lockMemory } from "@lock/memory";
import { StaleWriteError } from "@lock/memory/redis";
import type { Redis } from "ioredis";
import { openStore, TTL } from "./connections.ts";
import { converse, type Store, type TurnContext } from "./converse.ts";
import type { AgentTask, FromAgent, Question, ToAgent } from "./messages.ts";

type Main = Parent<ToAgent, FromAgent>;

/** After this word of its fateful answer an agent waits for what becomes of it. */
const MIDDLE = 5;

/** One agent: takes all the turns that it is asked for, as they come. */
class Agent {
  /** What wakes the turns that wait in their middle. */
  readonly #waiting = new Map<number, () => void>();

  constructor(
    private readonly main: Main,
    private readonly task: AgentTask,
    private readonly client: Redis,
    /** Undefined without the lock. */
    private readonly locks: Locks | undefined,
  ) {}

  /** Until it is stopped. */
  async work(): Promise<void> {
    const { main } = this;
    main.onMessage((message) => {
      if (message.kind === "go") this.#waiting.get(message.turn)?.();
      else this.#take(message.question);
    });
    main.send({ kind: "ready", pid: process.pid });
    await new Promise((resolve) => main.stop.addEventListener("abort", resolve, { once: true }));
  }

  /** What fails in any other way than by being stopped ends the process, which the demo tells. */
  #take(question: Question): void {
    void this.#untilSaved(question).catch((error: unknown) => {
      if (!this.main.stop.aborted) throw error;
    });
  }

  async #untilSaved(question: Question): Promise<void> {
    const { turn, session } = question;
    const store = openStore(this.client, this.task.prefix, session, this.task.lock);
    let attempt = 1;
    while (!(await this.#try(store, question, attempt))) attempt += 1;
    this.main.send({ kind: "saved", turn, session });
  }

  /** Whether the turn was saved: one that was lost is taken again. */
  async #try(store: Store, question: Question, attempt: number): Promise<boolean> {
    const { turn, session } = question;
    const context = this.#context(question, attempt);
    if (this.locks === undefined) {
      await converse(store, question, context);
      return true;
    }
    const memory = lockMemory(store, { locks: this.locks, sessionId: session, wait: "forever", ttl: TTL });
    let fencingToken = 0;
    try {
      await memory.withTurn((held) => {
        fencingToken = held.fencingToken;
        return converse(memory, question, context);
      });
      return true;
    } catch (error) {
      if (!isLost(error)) throw error;
      const lateSave = isFateful(question, attempt)
        ? await saveLate(store, question, fencingToken)
        : undefined;
      this.main.send({ kind: "lost", turn, session, lateSave });
      return false;
    }
  }

  #context(question: Question, attempt: number): TurnContext {
    const { turn, session } = question;
    let words = 0;
    const onWord = async (text: string) => {
      this.main.send({ kind: "says", turn, session, text });
      words += 1;
      if (words !== MIDDLE || !isFateful(question, attempt)) return;
      const goesOn = new Promise<void>((resolve) => this.#waiting.set(turn, resolve));
      this.main.send({ kind: "middle", turn, session });
      await goesOn;
    };
    return { agent: this.task.name, attempt, pace: this.task.pace, onWord };
  }
}

/** Its lease tells, or, if it was paused between looking at that and saving, the store. */
function isLost(error: unknown): boolean {
  if (error instanceof StaleWriteError) return true;
  return isLockError(error) && error.code === "LOCK_LOST";
}

function isFateful(question: Question, attempt: number): boolean {
  return question.isFateful && attempt === 1;
}

/** What an agent does that does not look at its lease: it saves its answer all the same, past the lock. */
async function saveLate(
  store: Store,
  { turn, text }: Question,
  fencingToken: number,
): Promise<"stored" | "refused"> {
  const of = { turn, knew: -1, agent: "too late", attempt: 0, fence: fencingToken };
  const late = { role: "assistant", content: `too late an answer to ${text}`, of } as const;
  return store.append(late, { fencingToken }).then(
    () => "stored",
    () => "refused",
  );
}

await runWorker<ToAgent, FromAgent>(async (main) => {
  // crew.ts wrote it, with the same type.
  const task = main.argument as AgentTask;
  const url = redisUrlOfParent();
  await using opened = task.lock ? openLocks(url, { prefix: task.prefix, holder: task.name }) : undefined;
  const client = openClient(url);
  await new Agent(main, task, client, opened?.locks).work();
  client.disconnect();
});
