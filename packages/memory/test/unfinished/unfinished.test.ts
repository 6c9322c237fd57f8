import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { expect, gate, useOwnTests } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import { type LateSave, lockMemory } from "../../src/index.ts";
import { warned } from "../support/warned.ts";
import { ANSWER, KINDS } from "./kinds.ts";

useOwnTests();
const locks = createLocks({ backend: inProcessBackend() });
let sessions = 0;

function open(options: Partial<Parameters<typeof lockMemory>[1]> = {}) {
  const sessionId = `unfinished ${++sessions}`;
  const stored: string[] = [];
  const late: LateSave[] = [];
  const store = { read: async () => stored, save: async (answer: string) => void stored.push(answer) };
  const methods = { read: ["read"], write: ["save"] };
  const onLateSave = (save: LateSave) => void late.push(save);
  const memory = lockMemory(store, { locks, sessionId, methods, onLateSave, ...options });
  const isBusy = async () => (await locks.inspect(`memory:${sessionId}`)) !== null;
  return { memory, stored, late, isBusy };
}

describe.concurrent.each(KINDS)("$name", ({ work, read }) => {
  it("holds the turn until what follows its end is saved", async () => {
    const { memory, stored, late, isBusy } = open();
    const result = await memory.withTurn((turn) => work(memory.save, turn));
    expect(await isBusy()).toBe(true);
    expect(await read(result)).toBe(ANSWER);
    await expect.poll(isBusy).toBe(false);
    expect({ stored, late }).toEqual({ stored: [ANSWER], late: [] });
  });

  it("keeps the next turn waiting until then", async () => {
    const { memory, stored } = open();
    const result = await memory.withTurn((turn) => work(memory.save, turn));
    const next = memory.withTurn(() => stored.length);
    await read(result);
    expect(await next).toBe(1);
  });
});

describe("a result that is not read", () => {
  it.each(KINDS.filter(({ name }) => !/promise|consumeStream|OpenAI/.test(name)))(
    "frees the session: $name",
    async ({ work }) => {
      const { memory, isBusy } = open({ streamIdle: 50, interruptGrace: 100 });
      await memory.withTurn((turn) => work(memory.save, turn));
      await expect.poll(isBusy).toBe(false);
    },
  );

  it("is not consumed for that: a getter is asked only by its reader", async () => {
    const { memory } = open({ streamIdle: 30 });
    let asked = 0;
    class Lazy {
      get textStream() {
        asked += 1;
        return new ReadableStream();
      }
      get text() {
        asked += 1;
        return Promise.resolve("");
      }
    }
    const lazy = await memory.withTurn(() => new Lazy());
    await expect.poll(() => locks.inspect(`memory:unfinished ${sessions}`)).toBeNull();
    expect(asked).toBe(0);
    await expect(lazy.textStream.getReader().read()).rejects.toThrow(/was not read for 30 ms/);
  });
});

describe("a result that stays what it is", () => {
  class Result {
    #private = "private";
    readonly stream = new ReadableStream<string>({ start: (controller) => controller.close() });
    label = "label";
    get secret() {
      return this.#private;
    }
    self() {
      return this;
    }
    who() {
      return this.#private;
    }
  }

  it("by its class, its getters, its private members and its methods", async () => {
    const { memory, isBusy } = open();
    const result = await memory.withTurn(() => new Result());
    expect(result).toBeInstanceOf(Result);
    expect([result.secret, result.who(), result.label]).toEqual(["private", "private", "label"]);
    expect(result.self()).toBe(result);
    expect(result.constructor).toBe(Result);
    expect(result.stream).toBe(result.stream);
    expect(Object.keys(result)).toEqual(["stream", "label"]);
    result.label = "renamed";
    expect(result.label).toBe("renamed");
    expect(await result.stream.getReader().read()).toEqual({ done: true, value: undefined });
    await expect.poll(isBusy).toBe(false);
  });

  it("as a Response: its status, headers and class", async () => {
    const { memory, isBusy } = open();
    class OwnResponse extends Response {}
    const headers = { "x-a": "b" };
    const response = await memory.withTurn(() => new OwnResponse("body", { status: 201, headers }));
    expect(response).toBeInstanceOf(OwnResponse);
    expect([response.status, response.headers.get("x-a"), response.bodyUsed]).toEqual([201, "b", false]);
    const copy = response.clone();
    expect([await response.text(), await copy.text()]).toEqual(["body", "body"]);
    await expect.poll(isBusy).toBe(false);
  });

  it("with nothing unfinished inside: it is the same, and the turn is over", async () => {
    const { memory, isBusy } = open();
    const settled = {
      list: [1, { a: null }],
      date: new Date(),
      map: new Map([["a", 1]]),
      bytes: Buffer.from("a"),
    };
    const empty = new Response(null, { status: 204 });
    const cyclic: { self?: object } = {};
    cyclic.self = cyclic;
    for (const result of [settled, empty, cyclic, "text", null, Object.freeze([settled])]) {
      expect(await memory.withTurn(() => result)).toBe(result);
      expect(await isBusy()).toBe(false);
    }
  });

  it("where it is frozen, as a plain object", async () => {
    const { memory, isBusy } = open();
    const frozen = () => Object.freeze({ words: Object.freeze([new Response("a").body]) });
    const { words } = await memory.withTurn(frozen);
    expect(await new Response(words[0]).text()).toBe("a");
    await expect.poll(isBusy).toBe(false);
  });
});

describe("a call outside of turns", () => {
  it("that gives a stream holds the session until that ends", async () => {
    const store = {
      stream: async () => new Response("a").body,
      lists: async () => [[new Response("b").body]],
    };
    const sessionId = `unfinished ${++sessions}`;
    const memory = lockMemory(store, { locks, sessionId, methods: { read: ["stream", "lists"] } });
    const isBusy = async () => (await locks.inspect(`memory:${sessionId}`)) !== null;
    const stream = await memory.stream();
    expect(await isBusy()).toBe(true);
    expect(await new Response(stream).text()).toBe("a");
    await expect.poll(isBusy).toBe(false);
    await memory.lists();
    expect(await isBusy()).toBe(false);
  });
});

describe("long lists", () => {
  it("are held to their end where their first items are streams", async () => {
    const { memory, stored, isBusy } = open();
    async function* one(at: number) {
      yield at;
      await memory.save(`${at}`);
    }
    const streams = await memory.withTurn(() => Array.from({ length: 30 }, (_, at) => one(at)));
    for (const stream of streams) for await (const _ of stream);
    await expect.poll(isBusy).toBe(false);
    expect(stored).toHaveLength(30);
    const messages = Array.from({ length: 1_000 }, () => ({ role: "user", content: [{ text: "a" }] }));
    const { words } = await memory.withTurn(() => ({ messages, words: one(30) }));
    for await (const _ of words);
    expect(stored).toHaveLength(31);
  });
});

describe("several streams of one result", () => {
  it("may be read one after the other, also where each is made when it is asked for", async () => {
    const { memory, stored, isBusy } = open();
    class Two {
      get textStream() {
        return one("text");
      }
      get audioStream() {
        return one("audio");
      }
    }
    async function* one(what: string) {
      yield what;
      await memory.save(what);
    }
    const two = await memory.withTurn(() => new Two());
    for await (const _ of two.textStream);
    for await (const _ of two.audioStream);
    await expect.poll(isBusy).toBe(false);
    expect(stored).toEqual(["text", "audio"]);
  });

  it("one of which is left does not stop the other", async () => {
    const { memory, stored } = open();
    const goOn = gate();
    let wasAborted: boolean | undefined;
    const [left, read] = await memory.withTurn(({ signal }) => {
      async function* slow() {
        yield 1;
        await goOn.opened;
        yield 2;
      }
      async function* whole() {
        yield 3;
        wasAborted = signal.aborted;
        await memory.save("whole");
      }
      return [slow(), whole()] as const;
    });
    await left.next();
    const pending = left.next();
    const leaving = left.return(undefined);
    goOn.open();
    await Promise.all([pending, leaving]);
    for await (const _ of read);
    expect({ wasAborted, stored }).toEqual({ wasAborted: false, stored: ["whole"] });
  });
});

describe("what cannot be held is refused by name, and frees the session", () => {
  const locked = () => {
    const stream = new ReadableStream();
    stream.getReader();
    return stream;
  };

  it.each<[string, () => unknown]>([
    ["a stream that is locked", locked],
    ["a stream that is locked", () => ({ answer: [locked()] })],
    ["a Map or Set of streams", () => new Map([["a", new ReadableStream()]])],
    ["a Map or Set of streams", () => ({ all: new Set([new ReadableStream()]) })],
  ])("%s", async (what, work) => {
    const { memory, isBusy } = open();
    const turn = memory.withTurn(work);
    await expect(turn).rejects.toMatchObject({ code: "LOCK_USAGE" });
    await expect(turn).rejects.toThrow(`withTurn cannot hold a result with ${what} inside`);
    expect(await isBusy()).toBe(false);
  });
});

describe("waitUntil", () => {
  it("keeps the turn until all has settled, also what is added meanwhile", async () => {
    const { memory, stored, isBusy } = open();
    const goOn = gate();
    const turn = memory.withTurn(({ waitUntil }) => {
      waitUntil(goOn.opened.then(() => waitUntil(goOn.opened.then(() => memory.save("late")))));
      return "done";
    });
    expect(await isBusy()).toBe(true);
    goOn.open();
    expect(await turn).toBe("done");
    expect(stored).toEqual(["late"]);
    expect(await isBusy()).toBe(false);
  });

  it("tells what fails: the turn rejects with it, or a warning tells it where a stream holds the turn", async () => {
    const { memory } = open();
    const failing = () => Promise.reject(new Error("of the work"));
    await expect(memory.withTurn(({ waitUntil }) => waitUntil(failing()))).rejects.toThrow("of the work");
    const told = warned(({ message }) => message === "of the work");
    const stream = await memory.withTurn(({ waitUntil }) => {
      waitUntil(failing());
      return new Response("a").body;
    });
    expect(await new Response(stream).text()).toBe("a");
    expect(await told).toBeInstanceOf(Error);
  });

  it("does not keep the reader of a stream waiting, for it may wait for that", async () => {
    const { memory, isBusy } = open();
    const read = gate();
    const stream = await memory.withTurn(({ waitUntil }) => {
      waitUntil(read.opened);
      return new Response("a").body;
    });
    expect(await new Response(stream).text()).toBe("a");
    expect(await isBusy()).toBe(true);
    read.open();
    await expect.poll(isBusy).toBe(false);
  });

  it("is refused when the turn is over", async () => {
    const { memory } = open();
    const turn = await memory.withTurn((held) => held);
    expect(() => turn.waitUntil(Promise.resolve())).toThrow(expect.objectContaining({ code: "TURN_ENDED" }));
  });
});
