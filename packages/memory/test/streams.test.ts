import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { IterableReadableStream } from "@langchain/core/utils/stream";
import { gate } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { lockMemory, TurnEndedError } from "../src/index.ts";
import { aborted, settle } from "./support/gate.ts";
import { useScene } from "./support/scene.ts";
import { SlowMemory } from "./support/slow-memory.ts";

const scene = useScene();

function locked(options: Partial<Parameters<typeof lockMemory>[1]> = {}) {
  const memory = new SlowMemory();
  const sessionId = scene.session();
  const one = lockMemory(memory, { locks: scene.locks, sessionId, ...options });
  const isBusy = async () => (await scene.others.inspect(`memory:${sessionId}`)) !== null;
  return { memory, sessionId, one, isBusy };
}

const said = (what: string) => [{ input: what }, { output: `re:${what}` }] as const;

/** A model that answers word by word, and saves at its end. */
async function* answer(memory: Pick<SlowMemory, "saveContext">) {
  try {
    yield "one ";
    yield "two ";
    yield "three";
  } finally {
    await memory.saveContext(...said("streamed"));
  }
}

const STREAMED = ["streamed", "re:streamed"];

describe("an async iterable", () => {
  it("holds the turn to its end", async () => {
    const { memory, one, isBusy } = locked();
    const words: string[] = [];
    for await (const word of await one.withTurn(() => answer(one))) {
      words.push(word);
      expect(await isBusy()).toBe(true);
    }
    expect(words.join("")).toBe("one two three");
    expect(await isBusy()).toBe(false);
    expect(memory.messages).toEqual(STREAMED);
  });

  it("that is left early ends the turn, when it has saved", async () => {
    const { memory, one, isBusy } = locked();
    for await (const word of await one.withTurn(() => answer(one))) {
      expect(word).toBe("one ");
      break;
    }
    expect(await isBusy()).toBe(false);
    expect(memory.messages).toEqual(STREAMED);
  });

  it("that fails, or is thrown into, ends the turn", async () => {
    const { one, isBusy } = locked();
    async function* failing() {
      yield 1;
      throw new Error("of the model");
    }
    const stream = await one.withTurn(() => failing());
    expect(await stream.next()).toEqual({ done: false, value: 1 });
    await expect(stream.next()).rejects.toThrow("of the model");
    expect(await isBusy()).toBe(false);
    const thrown = await one.withTurn(() => failing());
    await thrown.next();
    await expect(thrown.throw(new Error("of the reader"))).rejects.toThrow("of the reader");
    expect(await isBusy()).toBe(false);
  });

  it("that nobody reads is told to stop, and frees the session", async () => {
    const { memory, one, isBusy } = locked({ streamIdle: 60 });
    let signal: AbortSignal | undefined;
    const stream = await one.withTurn((turn) => {
      signal = turn.signal;
      return answer(one);
    });
    await stream.next();
    if (signal === undefined) throw new Error("it has a signal");
    expect(await aborted(signal)).toBeInstanceOf(TurnEndedError);
    await expect.poll(isBusy).toBe(false);
    // Its `finally` was in time.
    expect(memory.messages).toEqual(STREAMED);
    await expect(stream.next()).rejects.toThrow(/was not read for 60 ms/);
  });

  it("that was never begun is freed as well", async () => {
    const { one, isBusy } = locked({ streamIdle: 30 });
    await one.withTurn(() => answer(one));
    await expect.poll(isBusy).toBe(false);
  });

  it("that is left while it thinks is told to stop", async () => {
    const { one, isBusy } = locked({ interruptGrace: 20_000 });
    let wasAborted: unknown;
    async function* thinking(signal: AbortSignal) {
      wasAborted = await aborted(signal);
      yield "too late";
    }
    const stream = await one.withTurn(({ signal }) => thinking(signal));
    const first = stream.next();
    await stream.return(undefined);
    expect(wasAborted).toBeInstanceOf(TurnEndedError);
    expect(await first).toEqual({ done: false, value: "too late" });
    expect(await isBusy()).toBe(false);
  });

  it("may be idle for longer than a timer can be", async () => {
    const { one } = locked({ streamIdle: 3_000_000_000 });
    const stream = await one.withTurn(() => answer(one));
    await settle();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await stream.next()).toEqual({ done: false, value: "one " });
    await stream.return(undefined);
  });

  it("that is being waited for is not idle", async () => {
    const { one } = locked({ streamIdle: 30 });
    const think = gate();
    async function* thinking() {
      await think.opened;
      yield "a thought";
    }
    const stream = await one.withTurn(() => thinking());
    const first = stream.next();
    setTimeout(() => think.open(), 120);
    expect(await first).toEqual({ done: false, value: "a thought" });
    await stream.return(undefined);
  });

  it("keeps its other members, and is of the same class", async () => {
    const { one } = locked();
    class Answer {
      readonly controller = new AbortController();
      #words = ["a", "b"];
      get length() {
        return this.#words.length;
      }
      async *[Symbol.asyncIterator]() {
        yield* this.#words;
      }
    }
    const stream = await one.withTurn(() => new Answer());
    expect(stream).toBeInstanceOf(Answer);
    expect(stream.length).toBe(2);
    expect(stream.controller.signal.aborted).toBe(false);
    expect("next" in stream).toBe(false);
    const words: string[] = [];
    for await (const word of stream) words.push(word);
    expect(words).toEqual(["a", "b"]);
  });

  it("tells at its end that a save was refused", async () => {
    const { memory, one, sessionId } = locked({ ttl: 1_000 });
    const stream = await one.withTurn(async function* (turn) {
      yield "a";
      await scene.others.forceRelease(`memory:${sessionId}`);
      await aborted(turn.signal);
      await one.saveContext(...said("late")).catch(() => undefined);
    });
    await stream.next();
    await expect(stream.next()).rejects.toMatchObject({ code: "LOCK_LOST" });
    expect(memory.messages).toEqual([]);
  });
});

describe("a ReadableStream", () => {
  const streamOf = (memory: Pick<SlowMemory, "saveContext">) =>
    new ReadableStream<string>({
      async pull(controller) {
        controller.enqueue("a word");
        await memory.saveContext(...said("streamed"));
        controller.close();
      },
      cancel: () => memory.saveContext(...said("cancelled")).then(() => undefined),
    });

  it("holds the turn to its end, and is one that a Response takes", async () => {
    const { memory, one, isBusy } = locked();
    const stream = await one.withTurn(() => streamOf(one));
    expect(await isBusy()).toBe(true);
    const bytes = stream.pipeThrough(new TextEncoderStream());
    expect(await new Response(bytes).text()).toBe("a word");
    expect(await isBusy()).toBe(false);
    expect(memory.messages).toEqual(STREAMED);
  });

  it("that is cancelled ends the turn, when its source has saved", async () => {
    const { memory, one, isBusy } = locked();
    const stream = await one.withTurn(
      () => new ReadableStream({ cancel: () => one.saveContext(...said("cancelled")).then(() => undefined) }),
    );
    await stream.cancel("enough");
    expect(await isBusy()).toBe(false);
    expect(memory.messages).toEqual(["cancelled", "re:cancelled"]);
  });

  it("that nobody reads frees the session", async () => {
    const { one, isBusy } = locked({ streamIdle: 30 });
    const stream = await one.withTurn(() => new ReadableStream());
    await expect.poll(isBusy).toBe(false);
    await expect(stream.getReader().read()).rejects.toThrow(/was not read for 30 ms/);
  });
});

describe("a stream of LangChain's kind", () => {
  it("keeps the methods of an iterator", async () => {
    const { one, isBusy } = locked();
    const stream = await one.withTurn(() => IterableReadableStream.fromAsyncGenerator(answer(one)));
    expect(await stream.next()).toEqual({ done: false, value: "one " });
    expect(await isBusy()).toBe(true);
    await stream.return?.();
    expect(await isBusy()).toBe(false);
  });
});

describe("other results", () => {
  it("what cannot be held is told, and frees the session", async () => {
    const { one, isBusy } = locked();
    const taken = () => {
      const stream = new ReadableStream();
      stream.getReader();
      return stream;
    };
    await expect(one.withTurn(taken)).rejects.toThrow(/locked/);
    const throwing = () => ({
      get completed() {
        throw new Error("of a getter");
      },
    });
    await expect(one.withTurn(throwing)).rejects.toThrow("of a getter");
    expect(await isBusy()).toBe(false);
  });

  it("a Node stream is read within the turn, and is freed when nobody reads it", async () => {
    const { memory, one, isBusy } = locked({ streamIdle: 100 });
    expect(await text(await one.withTurn(() => Readable.from(answer(one))))).toBe("one two three");
    expect(await isBusy()).toBe(false);
    expect(memory.messages).toEqual(STREAMED);
    const forgotten = await one.withTurn(() => Readable.from(["a", "b"]));
    forgotten.on("error", () => undefined);
    await expect.poll(isBusy).toBe(false);
  });

  it("a Node stream holds the turn until it is closed", async () => {
    const { one, isBusy } = locked();
    const stream = await one.withTurn(() => Readable.from(["a", "b"]));
    expect(await isBusy()).toBe(true);
    expect(await text(stream)).toBe("ab");
    await expect.poll(isBusy).toBe(false);
    const left = await one.withTurn(() => Readable.from(["a", "b"]));
    left.destroy();
    await expect.poll(isBusy).toBe(false);
  });

  it("what says itself when it is completed holds the turn until then", async () => {
    const { memory, one, isBusy } = locked();
    const saved = gate();
    const run = await one.withTurn(() => ({
      completed: saved.opened.then(() => one.saveContext(...said("streamed"))),
      other: 1,
    }));
    expect(await isBusy()).toBe(true);
    saved.open();
    await run.completed;
    await expect.poll(isBusy).toBe(false);
    expect(memory.messages).toEqual(STREAMED);
    const failed = await one.withTurn(() => ({ completed: Promise.reject(new Error("of the run")) }));
    await expect(failed.completed).rejects.toThrow("of the run");
    await expect.poll(isBusy).toBe(false);
  });

  it("an object that merely has such a name does not", async () => {
    const { one, isBusy } = locked();
    expect(await one.withTurn(() => ({ completed: true }))).toEqual({ completed: true });
    expect(await one.withTurn(() => null)).toBeNull();
    expect(await isBusy()).toBe(false);
  });
});

describe("a method that iterates", () => {
  const store = {
    async *list(count: number) {
      for (let at = 0; at < count; at++) {
        store.modes.push((await scene.others.inspect(store.key))?.mode);
        yield at;
      }
    },
    write: async () => "written",
    key: "",
    modes: [] as (string | undefined)[],
  };
  const methods = { iterate: ["list"], write: ["write"] };
  const open = () => {
    const sessionId = scene.session();
    store.key = `memory:${sessionId}`;
    store.modes = [];
    return lockMemory(store, { locks: scene.locks, sessionId, methods });
  };

  it("reads all under a shared lock at its first step", async () => {
    const one = open();
    const listing = one.list(3);
    expect(store.modes).toEqual([]);
    expect(await listing.next()).toEqual({ done: false, value: 0 });
    expect(store.modes).toEqual(["shared", "shared", "shared"]);
    expect(await scene.locks.inspect(store.key)).toBeNull();
    const seen: number[] = [];
    for await (const item of listing) seen.push(item);
    expect(seen).toEqual([1, 2]);
  });

  it("may be written to in between, in a turn and outside of any", async () => {
    const one = open();
    for await (const _ of one.list(2)) expect(await one.write()).toBe("written");
    await one.withTurn(async () => {
      for await (const _ of one.list(2)) expect(await one.write()).toBe("written");
    });
    expect(store.modes).toEqual(["shared", "shared", "exclusive", "exclusive"]);
  });

  it("that was begun in a turn is refused after it", async () => {
    const one = open();
    const over = gate();
    let late: Promise<unknown> = Promise.resolve();
    await one.withTurn(() => {
      late = over.opened.then(() => one.list(1).next());
    });
    over.open();
    await expect(late).rejects.toBeInstanceOf(TurnEndedError);
  });
});
