import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { describe, expect, it } from "vitest";
import {
  aiChat,
  chatHistory,
  langchainMemory,
  langgraphSaver,
  lockMemory,
  mastraAgent,
  openaiSession,
} from "../src/index.ts";

const locks = createLocks({ backend: inProcessBackend() });

/** A memory that counts what reaches it. */
function memory() {
  let calls = 0;
  const call = async () => {
    calls += 1;
    return {};
  };
  return { loadMemoryVariables: call, saveContext: call, calls: () => calls };
}

const wrong = (options: unknown) => () => lockMemory(memory(), options as never);

/** Of options that are fine but for one: never printed, for a printer calls `locks.inspect`. */
const WRONG: readonly (readonly [options: () => unknown, message: string])[] = [
  [() => undefined, "lockMemory: locks must be what createLocks returns, got undefined"],
  [() => ({ sessionId: "a" }), "locks must be what createLocks returns"],
  [() => ({ locks }), "sessionId must be a string or a function, got undefined"],
  [() => ({ locks, sessionId: "" }), "a session id must be a text that is not empty, got an empty string"],
  [
    () => ({ locks, sessionId: "\ud800" }),
    "a session id must be a text that is not empty, got a string of 1 character with a lone surrogate",
  ],
  [() => ({ locks, sessionId: 7 }), "sessionId must be a string or a function, got 7"],
  [() => ({ ...fine, session: "b" }), "lockMemory has no option 'session'"],
  [
    () => ({ ...fine, onConcurrentTurn: "queue" }),
    "onConcurrentTurn must be 'enqueue' or 'reject' or 'interrupt'",
  ],
  [() => ({ ...fine, wait: -1 }), "wait must be a whole number from 0 or"],
  [() => ({ ...fine, ttl: 0 }), "ttl must be a whole number from 1"],
  [() => ({ ...fine, maxTurn: "never" }), "maxTurn must be a whole number from 1"],
  [() => ({ ...fine, unlisted: "ignore" }), "unlisted must be 'read' or 'write' or 'none' or 'throw'"],
  [() => ({ ...fine, methods: {} }), "methods must name what reads and what writes, got none"],
  [() => ({ ...fine, methods: { reads: ["a"] } }), "methods has no option 'reads'"],
  [() => ({ ...fine, methods: { read: "loadMemoryVariables" } }), "read must be a list of strings"],
  [
    () => ({ ...fine, methods: { read: ["a"], write: ["a"] } }),
    "methods: read[0] and write[0] are the same method",
  ],
  [
    () => ({ ...fine, methods: { read: ["a", "calls"] } }),
    "lockMemory needs a memory with the methods at read[0] of methods, which",
  ],
];
const fine = { locks, sessionId: "a" };

describe("lockMemory refuses", () => {
  it.each(WRONG.map(([options, message]) => [message, options] as const))("%s", (message, options) => {
    expect(wrong(options())).toThrow(message);
    expect(wrong(options())).toThrow(expect.objectContaining({ code: "LOCK_USAGE" }));
  });

  it("what is no memory, and says how to lock it all the same", () => {
    for (const value of [{}, undefined, null, "text", { loadMemoryVariables: 1 }]) {
      expect(() => lockMemory(value as never, { locks, sessionId: "a" })).toThrow(
        /needs a memory with the methods "loadMemoryVariables", "saveContext", which this one has not; say with the option methods/,
      );
    }
  });

  it("a method that nothing can stand in for", () => {
    expect(() => lockMemory(Object.freeze(memory()), { locks, sessionId: "a" })).toThrow(
      /the method "loadMemoryVariables" is frozen, and cannot be locked/,
    );
  });

  it("interrupts with locks that are wrapped", () => {
    const wrapped = {
      acquire: locks.acquire,
      readWrite: locks.readWrite,
      inspect: locks.inspect,
      on: locks.on,
    };
    const options = { locks: wrapped, sessionId: "a", onConcurrentTurn: "interrupt" } as const;
    expect(() => lockMemory(memory(), options)).toThrow(/must be what createLocks returned/);
  });
});

describe("a preset refuses what it is not for", () => {
  it.each([
    [
      () => chatHistory({} as never, { locks, sessionId: "a" }),
      'chatHistory needs a chat history with the methods "getMessages", "addMessage"',
    ],
    [
      () => langchainMemory({} as never, { locks, sessionId: "a" }),
      "langchainMemory needs a LangChain memory",
    ],
    [() => langgraphSaver({} as never, { locks }), "langgraphSaver needs a checkpoint saver"],
    [() => openaiSession({} as never, { locks }), "openaiSession needs a session with the methods"],
  ])("%#", (make, message) => {
    expect(make).toThrow(message as string);
  });
});

describe("a preset refuses a way to restore that it does not have, when it is made", () => {
  const options = { locks, sessionId: "a", onConcurrentTurn: "rollback" as never };
  const call = async () => [];
  const all = { getTuple: call, list: call, put: call, putWrites: call, deleteThread: call };
  const session = { getSessionId: call, getItems: call, addItems: call, popItem: call, clearSession: call };
  const agent = { generate: call, stream: call };
  const chat = { loadChat: call, saveChat: call };
  const { sessionId: _, ...withoutSession } = options;

  it.each<[string, () => unknown]>([
    ["lockMemory", () => lockMemory(memory(), options)],
    ["chatHistory", () => chatHistory({ getMessages: call, addMessage: call as never }, options)],
    ["langchainMemory", () => langchainMemory(memory() as never, options)],
    ["langgraphSaver", () => langgraphSaver(all as never, options)],
    ["openaiSession", () => openaiSession(session as never, options)],
    ["aiChat", () => aiChat(chat as never, options)],
    ["mastraAgent", () => mastraAgent(agent, withoutSession)],
  ])("%s", (_name, make) => {
    expect(make).toThrow("onConcurrentTurn must be 'enqueue' or 'reject' or 'interrupt'");
  });
});

describe("a session that only the call tells", () => {
  it.each([[undefined], [""], [null], [7]])(
    "is refused when it is %o: never one lock for all",
    async (session) => {
      const store = memory();
      const locked = lockMemory(store, { locks, sessionId: () => session as never, unlisted: "none" });
      await expect(locked.saveContext()).rejects.toThrow(/never one lock for all sessions/);
      expect(locked.calls()).toBe(0);
    },
  );

  it("may be that of a function that throws", async () => {
    const store = memory();
    const sessionId = () => {
      throw new Error("nobody is logged in");
    };
    const locked = lockMemory(store, { locks, sessionId, unlisted: "none" });
    await expect(locked.saveContext()).rejects.toThrow("nobody is logged in");
    expect(locked.calls()).toBe(0);
  });

  it("is told by the method and its arguments", async () => {
    const told: unknown[] = [];
    const sessionId = (call: unknown) => {
      told.push(call);
      return "a";
    };
    const locked = lockMemory(
      { write: async (_value: number) => 1 },
      { locks, sessionId, methods: { write: ["write"] } },
    );
    await locked.write(5);
    expect(told).toEqual([{ method: "write", args: [5] }]);
  });

  it("that is too long is refused by the locks", async () => {
    const locked = lockMemory(memory(), { locks, sessionId: "x".repeat(600) });
    await expect(locked.saveContext()).rejects.toMatchObject({ code: "LOCK_USAGE" });
  });
});

describe("withTurn refuses", () => {
  it.each<[string, unknown, object]>([
    ["withTurn needs a function, got undefined", undefined, {}],
    ['withTurn: sessionId must be that of the memory, "a"', () => 1, { sessionId: "" }],
    ['withTurn: sessionId must be that of the memory, "a"', () => 1, { sessionId: "b" }],
    ["withTurn has no option 'waits'", () => 1, { waits: 1 }],
    ["withTurn: wait must be", () => 1, { wait: "long" }],
    ["withTurn: signal must be an object", () => 1, { signal: 1 }],
  ])("%s", async (message, fn, options) => {
    const locked = lockMemory(memory(), fine);
    await expect(locked.withTurn(fn as never, options as never)).rejects.toThrow(message);
  });

  it("an option that is undefined falls back to that of the memory", async () => {
    const locked = lockMemory(memory(), { locks, sessionId: "a", wait: 0 });
    await locked.withTurn(async () => {
      const other = lockMemory(memory(), {
        locks: createLocks({ backend: inProcessBackend() }),
        sessionId: "a",
      });
      expect(await other.withTurn(() => 1)).toBe(1);
    });
    const options = { wait: undefined, sessionId: undefined } as never;
    expect(await locked.withTurn(() => 1, options)).toBe(1);
  });
});
