import type { Locks } from "@lock/core";
import { describe, expect, it } from "vitest";
import {
  aiChat,
  chatHistory,
  langchainMemory,
  langgraphSaver,
  lockMemory,
  openaiSession,
} from "../../src/index.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();

type Wrap = (object: object, options: { locks: Locks; sessionId: string }) => object;

/** What each method of each kind of memory is. */
const tables: readonly (readonly [
  string,
  Wrap,
  Readonly<Record<string, "shared" | "exclusive" | undefined>>,
])[] = [
  [
    "lockMemory",
    (object, options) => lockMemory(object, options),
    {
      loadMemoryVariables: "shared",
      getMessages: "shared",
      saveContext: "exclusive",
      clear: "exclusive",
      append: "exclusive",
      replace: "exclusive",
      addMessages: "exclusive",
      addMessage: "exclusive",
      pop: "exclusive",
      memoryVariables: undefined,
      toJSON: undefined,
    },
  ],
  [
    "langchainMemory",
    (object, options) => langchainMemory(object as never, options),
    { loadMemoryVariables: "shared", saveContext: "exclusive", clear: "exclusive", serialize: undefined },
  ],
  [
    "chatHistory",
    (object, options) => chatHistory(object as never, options),
    {
      getMessages: "shared",
      addMessage: "exclusive",
      addUserMessage: "exclusive",
      addAIMessage: "exclusive",
      addAIChatMessage: "exclusive",
      addMessages: "exclusive",
      clear: "exclusive",
      end: undefined,
    },
  ],
  [
    "langgraphSaver",
    (object, options) => langgraphSaver(object as never, options),
    {
      get: "shared",
      getTuple: "shared",
      getDeltaChannelHistory: "shared",
      list: "shared",
      put: "exclusive",
      putWrites: "exclusive",
      deleteThread: "exclusive",
      getNextVersion: undefined,
      setup: undefined,
    },
  ],
  [
    "aiChat",
    (object, options) => aiChat(object as never, options),
    { loadChat: "shared", saveChat: "exclusive", deleteChat: "exclusive", other: undefined },
  ],
  [
    "openaiSession",
    (object, options) => openaiSession(object as never, options),
    {
      getItems: "shared",
      getItemsWithCompactionOwnership: "shared",
      addItems: "exclusive",
      addItemsWithCompactionOwnership: "exclusive",
      applyHistoryMutations: "exclusive",
      applyHistoryTransaction: "exclusive",
      clearSession: "exclusive",
      popItem: "exclusive",
      replaceHistoryWithCompaction: "exclusive",
      runCompaction: "exclusive",
      getSessionId: undefined,
      prepareHistoryItemForModelInput: undefined,
    },
  ],
];

describe.each(tables)("%s", (_name, wrap, table) => {
  it.each(Object.entries(table))("%s: %s", async (method, mode) => {
    const sessionId = scene.session();
    let seen: string | undefined;
    const look = async () => {
      seen = (await scene.others.inspect(`memory:${sessionId}`))?.mode;
      return method === "getSessionId" ? sessionId : undefined;
    };
    async function* list() {
      yield await look();
    }
    const names = Object.keys(table).map((name) => [name, name === "list" ? list : look]);
    const locked = wrap(Object.fromEntries(names), { locks: scene.locks, sessionId });
    const result: unknown = await Reflect.apply(Reflect.get(locked, method), locked, []);
    if (method === "list") for await (const _ of result as AsyncIterable<unknown>);
    expect(seen).toBe(mode);
  });
});
