import { type BaseMessage, HumanMessage, mapStoredMessageToChatMessage } from "@langchain/core/messages";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { startFaultyProxy } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lockMemory } from "../src/index.ts";
import { type RedisMemory, type RedisMemoryOptions, redisMemory, StaleWriteError } from "../src/redis.ts";

const server = useRedis();

interface Client {
  memory<Message>(options: RedisMemoryOptions<Message>): RedisMemory<Message>;
  close(): void;
}

const libraries: Readonly<Record<string, (url: string) => Promise<Client>>> = {
  ioredis: async (url) => {
    const client = new Redis(url);
    return { memory: (options) => redisMemory(client, options), close: () => client.disconnect() };
  },
  "node-redis": async (url) => {
    const client = createClient({ url });
    client.on("error", () => undefined);
    await client.connect();
    return { memory: (options) => redisMemory(client, options), close: () => client.destroy() };
  },
};

let sessions = 0;
const text = (content: string) => ({ role: "user", content });

describe.each(Object.entries(libraries))("redisMemory on %s", (library, connect) => {
  let client: Client;
  let redis: Redis;
  beforeAll(async () => {
    client = await connect(server.url);
    redis = new Redis(server.url);
  });
  afterAll(() => {
    client.close();
    redis.disconnect();
  });
  const open = (options: Partial<RedisMemoryOptions> = {}) =>
    client.memory({ sessionId: `s ${++sessions}`, ...options });

  it("keeps messages in order, all or the last ones", async () => {
    const memory = open();
    expect(await memory.getMessages()).toEqual([]);
    expect(await memory.append([text("a"), text("b")], { fencingToken: 1 })).toBe(2);
    expect(await memory.append(text("ü {c}\n"), { fencingToken: 1 })).toBe(3);
    expect(await memory.getMessages()).toEqual([text("a"), text("b"), text("ü {c}\n")]);
    expect(await memory.getMessages(2)).toEqual([text("b"), text("ü {c}\n")]);
    expect(await memory.pop({ fencingToken: 1 })).toEqual(text("ü {c}\n"));
    await memory.clear({ fencingToken: 1 });
    expect(await memory.getMessages()).toEqual([]);
    expect(await memory.pop({ fencingToken: 1 })).toBeUndefined();
  });

  it("refuses what a newer turn has overtaken, in whatever way it writes, and stores nothing of it", async () => {
    const memory = open();
    await memory.append(text("new"), { fencingToken: 1_790_000_000_000_002 });
    const stale = { fencingToken: 1_790_000_000_000_001 };
    for (const write of [
      memory.append([text("old"), text("old")], stale),
      memory.pop(stale),
      memory.clear(stale),
    ]) {
      const error = await write.catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(StaleWriteError);
      expect(error).toMatchObject({
        code: "STALE_WRITE",
        sessionId: memory.sessionId,
        fencingToken: 1_790_000_000_000_001,
        seen: 1_790_000_000_000_002,
      });
    }
    expect(await memory.getMessages()).toEqual([text("new")]);
  });

  it("compares fencing tokens as numbers", async () => {
    const memory = open();
    await memory.append(text("a"), { fencingToken: 9 });
    expect(await memory.append(text("b"), { fencingToken: 10 })).toBe(2);
    await expect(memory.append(text("c"), { fencingToken: 9 })).rejects.toMatchObject({ seen: 10 });
  });

  it("remembers a fence longer than the messages", async () => {
    const memory = open({ expireAfter: 20 });
    await memory.append(text("a"), { fencingToken: 2 });
    await expect.poll(() => memory.getMessages()).toEqual([]);
    await expect(memory.append(text("old"), { fencingToken: 1 })).rejects.toBeInstanceOf(StaleWriteError);
  });

  it("tells a message that is a list from a list of messages", async () => {
    const memory = client.memory<string[]>({ sessionId: `s ${++sessions}`, unfenced: "allow" });
    await memory.addMessage(["user", "hello"]);
    expect(await memory.getMessages()).toEqual([["user", "hello"]]);
  });

  it("replaces all in one step, unless it is stale", async () => {
    const memory = open();
    await memory.append([text("a"), text("b"), text("c")], { fencingToken: 2 });
    await expect(memory.replace([text("old")], { fencingToken: 1 })).rejects.toBeInstanceOf(StaleWriteError);
    expect(await memory.getMessages()).toHaveLength(3);
    expect(await memory.replace([text("a to c")], { fencingToken: 2 })).toBe(1);
    expect(await memory.getMessages()).toEqual([text("a to c")]);
  });

  it("remembers the fence when it is cleared", async () => {
    const memory = open();
    await memory.append(text("a"), { fencingToken: 5 });
    await memory.clear({ fencingToken: 6 });
    await expect(memory.append(text("old"), { fencingToken: 5 })).rejects.toBeInstanceOf(StaleWriteError);
    expect(await memory.getMessages()).toEqual([]);
  });

  it("takes the fencing token of the turn that it is in, and of no other session", async () => {
    const locks = createLocks({ backend: ioredisBackend(redis) });
    const memory = open();
    const locked = lockMemory(memory, { locks, sessionId: memory.sessionId });
    expect(await locked.append(text("bare"))).toBe(1);
    const token = await locked.withTurn(async (turn) => {
      await locked.saveContext({ input: "hello" }, { output: "hi" });
      return turn.fencingToken;
    });
    expect(await locked.loadMemoryVariables()).toEqual({
      history: [text("bare"), text("hello"), { role: "assistant", content: "hi" }],
    });
    await expect(memory.append(text("old"), { fencingToken: token - 1 })).rejects.toMatchObject({
      seen: token,
    });
    const other = open();
    await locked.withTurn(async () => {
      await expect(other.append(text("a"))).rejects.toThrow(/carries no fencing token/);
    });
    await locks.close();
  });

  it("refuses what is older than a turn that has read: it would not have seen it", async () => {
    const locks = createLocks({ backend: ioredisBackend(redis) });
    const memory = open();
    const locked = lockMemory(memory, { locks, sessionId: memory.sessionId });
    await locked.withTurn(async ({ fencingToken }) => {
      expect(await locked.getMessages()).toEqual([]);
      const late = memory.append(text("old"), { fencingToken: fencingToken - 1 });
      await expect(late).rejects.toMatchObject({ code: "STALE_WRITE", seen: fencingToken });
    });
    // A session that was only read is forgotten in time.
    const [guard = ""] = await redis.keys(`memory:{${memory.sessionId}}:*`);
    expect(await redis.pttl(guard)).toBeGreaterThan(80_000_000);
    await locks.close();
  });

  it("refuses a write without a fencing token, unless it is allowed", async () => {
    const memory = open();
    await expect(memory.append(text("a"))).rejects.toMatchObject({ code: "LOCK_USAGE" });
    expect(await memory.getMessages()).toEqual([]);
    const lax = open({ unfenced: "allow" });
    await lax.append(text("a"));
    expect(await lax.getMessages()).toEqual([text("a")]);
  });

  it("appends all or none, however many come at once", async () => {
    const memory = open();
    const parts = (from: string) => Array.from({ length: 5 }, (_, at) => text(`${from}${at}`));
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => memory.append(parts(`${at}:`), { fencingToken: 1 })),
    );
    const contents = (await memory.getMessages()).map(({ content }) => content);
    expect(contents).toHaveLength(100);
    for (let at = 0; at < 100; at += 5) {
      const [from] = contents[at]?.split(":") ?? [];
      expect(contents.slice(at, at + 5)).toEqual(parts(`${from}:`).map(({ content }) => content));
    }
  });

  it("takes thousands of messages in one write, and none in another", async () => {
    const memory = open();
    const many = Array.from({ length: 9_000 }, (_, at) => text(`${at}`));
    expect(await memory.append(many, { fencingToken: 1 })).toBe(9_000);
    expect(await memory.append([], { fencingToken: 1 })).toBe(9_000);
    expect(await memory.getMessages(1)).toEqual([text("8999")]);
  });

  it("forgets a session after expireAfter, and never without it", async () => {
    const memory = open({ expireAfter: 60_000 });
    await memory.append(text("a"), { fencingToken: 1 });
    const keys = await redis.keys(`memory:{${memory.sessionId}}:*`);
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(50_000);
    const [messages = ""] = keys.filter((key) => key.endsWith(":messages"));
    expect(await redis.pttl(messages)).toBeLessThanOrEqual(60_000);
    const kept = open();
    await kept.append(text("a"), { fencingToken: 1 });
    await kept.clear({ fencingToken: 1 });
    const [guard = ""] = await redis.keys(`memory:{${kept.sessionId}}:*`);
    expect(await redis.pttl(guard)).toBeGreaterThan(80_000_000);
    await kept.append(text("b"), { fencingToken: 1 });
    expect(await redis.pttl(guard)).toBe(-1);
  });

  it("keeps sessions apart whose names look alike", async () => {
    const names = ["a", "{a}", "%7Ba%7D", "a}:messages", "a%"].map((name) => `${name} ${library}`);
    for (const name of names) await open({ sessionId: name }).append(text(name), { fencingToken: 1 });
    for (const name of names) expect(await open({ sessionId: name }).getMessages()).toEqual([text(name)]);
  });

  it("stores what a codec makes, such as LangChain's messages", async () => {
    const memory = client.memory<BaseMessage>({
      sessionId: `s ${++sessions}`,
      codec: {
        encode: (message) => JSON.stringify(message.toDict()),
        decode: (stored) => mapStoredMessageToChatMessage(JSON.parse(stored)),
      },
    });
    await memory.append(new HumanMessage("hello"), { fencingToken: 1 });
    const [message] = await memory.getMessages();
    expect(message).toBeInstanceOf(HumanMessage);
    expect(message?.text).toBe("hello");
    await expect(memory.saveContext({ a: "b" }, { c: "d" })).rejects.toThrow(/compose/);
  });

  it("writes once what a client sends twice, also when two were under way", async () => {
    const proxy = await startFaultyProxy(server.server);
    const doubtful = await connect(proxy.url);
    const memory = doubtful.memory({ sessionId: `s ${++sessions}` });
    await memory.append(text("first"), { fencingToken: 1 });
    const dropped = proxy.dropReply({ after: "second" });
    const both = ["second", "third"].map((one) => memory.append(text(one), { fencingToken: 1 }));
    await Promise.allSettled([dropped, ...both]);
    expect(await open({ sessionId: memory.sessionId }).getMessages()).toEqual(
      ["first", "second", "third"].map(text),
    );
    doubtful.close();
    await proxy.stop();
  });

  it.each(["append", "replace", "pop", "clear"] as const)(
    "does once what a client sends twice: %s",
    async (write) => {
      const proxy = await startFaultyProxy(server.server);
      const doubtful = await connect(proxy.url);
      const memory = doubtful.memory({ sessionId: `s ${++sessions}` });
      const direct = open({ sessionId: memory.sessionId });
      const token = { fencingToken: 1 };
      await memory.append([text("a"), text("b")], token);
      const dropped = proxy.dropReply({ after: memory.sessionId });
      const writes = {
        append: () => memory.append(text("c"), token),
        replace: () => memory.replace([text("c")], token),
        pop: () => memory.pop(token),
        clear: () => memory.clear(token),
      };
      const writing = writes[write]().catch((error: unknown) => error);
      await dropped;
      // Somebody else is faster than what is sent again.
      await direct.append(text("d"), token);
      const outcome = await writing;
      const expected = {
        append: { stored: ["a", "b", "c", "d"], outcome: 4 },
        replace: { stored: ["c", "d"], outcome: 2 },
        pop: { stored: ["a", "d"], outcome: text("b") },
        clear: { stored: ["d"], outcome: undefined },
      }[write];
      expect(await direct.getMessages()).toEqual(expected.stored.map(text));
      // ioredis asks again, node-redis says that it does not know.
      if (!(outcome instanceof Error)) expect([expected.outcome, 3, 1]).toContainEqual(outcome);
      doubtful.close();
      await proxy.stop();
    },
  );
});

describe("redisMemory refuses", () => {
  const client = new Redis({ lazyConnect: true });

  it.each([
    [undefined, { sessionId: "a" }, "a client of ioredis or node-redis is needed, got undefined"],
    [client, {}, "redisMemory: sessionId must be a string, got undefined"],
    [client, { sessionId: "" }, "a session id must be a text that is not empty"],
    [
      client,
      { sessionId: "a", prefix: "{a}" },
      'prefix must be 1 to 64 characters of A-Z a-z 0-9 _ : . -, got "{a}"',
    ],
    [client, { sessionId: "a", expireAfter: 0 }, "expireAfter must be a whole number from 1"],
    [client, { sessionId: "a", unfenced: true }, "unfenced must be 'refuse' or 'allow'"],
  ])("%#", (given, options, message) => {
    expect(() => redisMemory(given as never, options as never)).toThrow(message as string);
  });

  it.each([
    [(memory: RedisMemory) => memory.getMessages(0), "limit must be a whole number from 1"],
    [
      (memory: RedisMemory) => memory.append(text("a"), { fencingToken: 1.5 }),
      "fencingToken must be a whole number",
    ],
    [
      (memory: RedisMemory) => memory.append(undefined as never, { fencingToken: 1 }),
      "a message must become text",
    ],
    [
      (memory: RedisMemory) => memory.saveContext({ a: "1", b: "2" }, { c: "3" }),
      'needs exactly one text of the user, got "a", "b"',
    ],
    [
      (memory: RedisMemory) => memory.saveContext({ a: "1" }, { c: 3 }),
      "needs exactly one text of the assistant",
    ],
  ])("%#, before anything is sent", async (write, message) => {
    await expect(write(redisMemory(client, { sessionId: "a" }))).rejects.toThrow(message);
    expect(client.status).toBe("wait");
  });
});
