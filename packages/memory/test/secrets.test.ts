import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { startRedis } from "@lock/redis-harness";
import { leaksIn, planted, SECRET, shownBy, textsOf } from "@lock/redis-harness/secrets";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { describe, expect, it } from "vitest";
import {
  aiChat,
  chatHistory,
  currentTurn,
  langchainMemory,
  langgraphSaver,
  lockMemory,
  mastraAgent,
  mastraThreadLock,
  openaiSession,
} from "../src/index.ts";
import { redisMemory } from "../src/redis.ts";

/** What a caller without a type checker may pass. */
const any = (value: unknown): never => value as never;
const password = SECRET;
const client = new Redis({ lazyConnect: true, password });
const values: readonly (readonly [string, unknown])[] = [
  ...planted(),
  ["an ioredis client", client],
  ["a node-redis client", createClient({ password })],
];
const locks = createLocks({ backend: inProcessBackend() });
const fine = { locks, sessionId: "a" };
const memory = () => ({ loadMemoryVariables: async () => ({}), saveContext: async () => {} });

const agent = { generate: async () => 1, stream: async () => 1 };

type Entry = [name: string, use: (value: unknown) => unknown];

const eachOption = (what: string, names: readonly string[], use: (options: object) => unknown): Entry[] =>
  names.map((name) => [`${what}: ${name}`, (value) => use({ [name]: value })]);
/** A text is a session like any other. */
const noText = (value: unknown) => (typeof value === "string" ? `${value}\ud800` : value);

const TURN = ["onConcurrentTurn", "wait", "ttl", "maxTurn", "streamIdle", "interruptible", "interruptGrace"];
const MEMORY = [
  ...TURN,
  "locks",
  "snapshotReads",
  "onWrite",
  "onLateSave",
  "unlisted",
  "methods",
  "unheardOf",
];
const STORE = ["codec", "expireAfter", "unfenced", "memoryKey", "unheardOf"];

const ENTRIES: Entry[] = [
  ["lockMemory: the memory", (value) => void lockMemory(any(value), fine)],
  ["lockMemory", (options) => void lockMemory(memory(), any(options))],
  ...eachOption("lockMemory", MEMORY, (options) => void lockMemory(memory(), { ...fine, ...options })),
  ["lockMemory: sessionId", (value) => void lockMemory(memory(), any({ locks, sessionId: noText(value) }))],
  ...eachOption(
    "methods",
    ["read", "write", "none", "iterate", "unheardOf"],
    (methods) => void lockMemory(memory(), { ...fine, methods }),
  ),
  ["methods in a list", (method) => void lockMemory(memory(), { ...fine, methods: { read: [any(method)] } })],
  [
    "methods in two lists",
    (method) =>
      void lockMemory(memory(), { ...fine, methods: { read: [any(method)], write: [any(method)] } }),
  ],
  ...eachOption("withTurn", [...TURN, "signal", "unheardOf"], (options) =>
    lockMemory(memory(), fine).withTurn(() => 1, options),
  ),
  ["withTurn: sessionId", (sessionId) => lockMemory(memory(), fine).withTurn(() => 1, any({ sessionId }))],
  ["withTurn: the work", (fn) => lockMemory(memory(), fine).withTurn(any(fn))],
  [
    "the session that a call tells",
    (session) => lockMemory(memory(), { locks, sessionId: () => any(noText(session)) }).saveContext(),
  ],
  ["chatHistory", (value) => void chatHistory(any(value), fine)],
  ["langchainMemory", (value) => void langchainMemory(any(value), fine)],
  ["langgraphSaver", (value) => void langgraphSaver(any(value), fine)],
  ["openaiSession", (value) => void openaiSession(any(value), fine)],
  ["aiChat", (value) => void aiChat(any(value), fine)],
  ["mastraAgent", (value) => void mastraAgent(any(value), { locks })],
  ["mastraAgent", (options) => void mastraAgent(any(agent), any(options))],
  ...eachOption("mastraAgent", [...TURN, "locks", "unheardOf"], (options) =>
    mastraAgent(any(agent), any({ locks, ...options })),
  ),
  ["mastraThreadLock", (options) => void mastraThreadLock(any(options))],
  ...eachOption("mastraThreadLock", ["locks", "ttl", "onLost", "unheardOf"], (options) =>
    mastraThreadLock(any({ locks, ...options })),
  ),
  ["a thread", (thread) => mastraThreadLock({ locks }).acquire(any(noText(thread)))],
  ["redisMemory: the client", (value) => redisMemory(any(value), { sessionId: "a" })],
  ["redisMemory", (options) => redisMemory(client, any(options))],
  ...eachOption("redisMemory", STORE, (options) => redisMemory(client, any({ sessionId: "a", ...options }))),
  ["redisMemory: sessionId", (sessionId) => redisMemory(client, any({ sessionId: noText(sessionId) }))],
  ["a limit", (limit) => redisMemory(client, { sessionId: "a" }).getMessages(any(limit))],
  ["a fence", (fencingToken) => redisMemory(client, { sessionId: "a" }).append([], any({ fencingToken }))],
  [
    "an input",
    (input) => redisMemory(client, { sessionId: "a" }).saveContext(any({ a: input, b: input }), {}),
  ],
  [
    "what a codec makes",
    (made) => {
      const codec = { encode: () => any(typeof made === "string" ? 7 : made), decode: () => ({}) };
      return redisMemory(client, { sessionId: "a", codec }).append([{}], { fencingToken: 1 });
    },
  ],
];

describe("what was passed is not shown", () => {
  it.each(ENTRIES)("%s", async (_, use) => {
    for (const [kind, value] of values) {
      const leaks = leaksIn(await shownBy(() => use(value)));
      expect({ kind, leaks }).toEqual({ kind, leaks: [] });
    }
  });
});

describe("a conversation is not shown", () => {
  const said = [{ role: SECRET, content: SECRET }];

  it.each<[string, string[], string[]]>([
    ["by a server that repeats what it does not know", ["--rename-command", "EVALSHA", ""], []],
    ["by a server that lacks memory", [], ["CONFIG", "SET", "maxmemory", "1"]],
  ])("%s", async (_, args, words) => {
    await using server = await startRedis({ args });
    const redis = new Redis(server.url);
    const other = await createClient({ url: server.url }).connect();
    if (words.length > 0) await other.sendCommand(words);
    for (const each of [redis, other]) {
      const store = redisMemory(each, { sessionId: "a", unfenced: "allow" });
      const error = await store.append(said).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(leaksIn(textsOf(error))).toEqual([]);
      expect(textsOf(error).join()).not.toMatch(/args beginning/);
    }
    redis.disconnect();
    other.destroy();
  });

  it("by the parser, where another codec has written it", async () => {
    await using server = await startRedis();
    const redis = new Redis(server.url);
    const written = { encode: (text: string) => text, decode: (text: string) => text };
    const one = redisMemory<string>(redis, { sessionId: "a", unfenced: "allow", codec: written });
    await one.append(SECRET);
    const texts = await shownBy(() => redisMemory(redis, { sessionId: "a" }).getMessages());
    expect(texts.join()).toMatch(/is no JSON/);
    expect(leaksIn(texts)).toEqual([]);
    redis.disconnect();
  });
});

it("what was made shows no secret: stores, turns and thread locks", async () => {
  const wrapped = { acquire: locks.acquire.bind(locks), readWrite: locks.readWrite.bind(locks), client };
  const around = any({ ...wrapped, inspect: locks.inspect.bind(locks), on: locks.on.bind(locks) });
  const codec = { encode: String, decode: String, password };
  const store = redisMemory(client, { sessionId: "a", codec });
  const locked = lockMemory(memory(), { locks: around, sessionId: "a" });
  const turns = await locked.withTurn((turn) => [turn, currentTurn()].flatMap(textsOf));
  const made = [store, locked, mastraThreadLock({ locks: around })].flatMap(textsOf);
  expect(leaksIn([...turns, ...made])).toEqual([]);
});
