import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { matcher } from "../src/api/key-match.ts";
import { decodeKey, encodeKey, keyOf, lockKeys } from "../src/backends/redis/keys.ts";
import { inProcessBackend } from "../src/in-process.ts";
import {
  type AcquireOptions,
  createLocks,
  type Locks,
  type LocksOptions,
  LockUsageError,
} from "../src/index.ts";
import { ioredisBackend } from "../src/ioredis.ts";
import { nodeRedisBackend } from "../src/node-redis.ts";
import { FakeClock, FaultyBackend } from "../src/testing.ts";

let backend: FaultyBackend;
let locks: Locks;

beforeEach(() => {
  backend = new FaultyBackend(inProcessBackend());
  locks = createLocks({ backend });
});

/** What a caller without a type checker may pass. */
const any = (value: unknown): never => value as never;

describe("what is wrong is refused before anything is sent", () => {
  const keys: readonly [string, unknown, RegExp][] = [
    ["empty", "", /non-empty string, got ''/],
    ["not a string", 42, /non-empty string, got 42/],
    ["undefined", undefined, /non-empty string, got undefined/],
    ["too long", "x".repeat(513), /at most 512 bytes of UTF-8, got 513.*hash long keys/s],
    ["too long in UTF-8 only", "🔒".repeat(129), /at most 512 bytes of UTF-8, got 516/],
    ["a lone surrogate", "a\ud800b", /valid Unicode, got a lone surrogate/],
  ];
  it.each(keys)("key: %s", async (_, key, message) => {
    for (const call of [
      () => locks.acquire(any(key)),
      () => locks.tryAcquire(any(key)),
      () => locks.using(any(key), () => 1),
      () => locks.inspect(any(key)),
      () => locks.forceRelease(any(key)),
    ]) {
      await expect(call()).rejects.toThrow(message);
      await expect(call()).rejects.toBeInstanceOf(LockUsageError);
    }
    expect(backend.calls.tryAcquire).toBe(0);
  });

  const range = /ttl must be a whole number of milliseconds from 1 to 86400000, got/;
  const options: readonly [string, AcquireOptions, RegExp][] = [
    ...[0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 86_400_001, 2 ** 63, "30s", null].map(
      (ttl): [string, AcquireOptions, RegExp] => [`ttl ${ttl}`, { ttl: any(ttl) }, range],
    ),
    ...[-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "5s", null].map(
      (wait): [string, AcquireOptions, RegExp] => [
        `wait ${wait}`,
        { wait: any(wait) },
        /wait must be a whole number of milliseconds from 0 \(one attempt\), or "forever", got/,
      ],
    ),
    ["renew", { renew: any("yes") }, /renew must be true or false, got a string of 3 characters/],
    ["signal", { signal: any({ aborted: false }) }, /signal must be an AbortSignal, got an object$/],
    [
      "meta value",
      { meta: any({ a: 1 }) },
      /meta must be an object whose values are strings, got \{ a: 1 \}/,
    ],
    ["meta list", { meta: any(["a"]) }, /meta must be an object/],
    ["meta size", { meta: { a: "x".repeat(1_100) } }, /meta may have at most 1024 bytes as JSON, got 1108/],
  ];
  it.each(options)("%s", async (_, option, message) => {
    await expect(locks.acquire("key", option)).rejects.toThrow(message);
    await expect(locks.tryAcquire("key", option)).rejects.toBeInstanceOf(LockUsageError);
    expect(backend.calls.tryAcquire).toBe(0);
  });

  const many = Array.from({ length: 129 }, (_, index) => `key ${index}`);
  const lists: readonly [string, unknown, RegExp][] = [
    ["no key", [], /a list of keys must have 1 to 128 of them, got 0/],
    ["129 keys", many, /a list of keys must have 1 to 128 of them, got 129/],
    ["an empty key in a list", ["a", ""], /non-empty string, got ''/],
    ["a list in a list", [["a"]], /non-empty string, got an array of 1$/],
  ];
  it.each(lists)("keys: %s", async (_, list, message) => {
    for (const call of [
      async () => locks.acquire(any(list)),
      async () => locks.tryAcquire(any(list)),
      async () => locks.using(any(list), () => 1),
      async () => locks.readWrite(any(list)).read.acquire(),
    ]) {
      await expect(call()).rejects.toThrow(message);
      await expect(call()).rejects.toBeInstanceOf(LockUsageError);
    }
    expect(backend.calls.tryAcquire).toBe(0);
  });

  it("128 keys, and keys that are given twice, are none too many", async () => {
    const lease = await locks.acquire([...many.slice(1), "key 1"]);
    expect(lease.keys).toHaveLength(128);
    expect(await lease.release()).toBe("released");
  });

  const setups: readonly [string, Partial<LocksOptions>, RegExp][] = [
    [
      "no backend",
      { backend: any(undefined) },
      /backend must be a LockBackend such as ioredisBackend\(client\), got undefined/,
    ],
    ["prefix", { prefix: "a{b}" }, /prefix must be 1 to 64 characters of A-Z a-z 0-9 _ : \. -, got 'a\{b\}'/],
    ["prefix with a space", { prefix: "a b" }, /prefix must be/],
    ["holder", { holder: "" }, /holder must be a string of 1 to 256 characters, got ''/],
    ["ttl over maxTtl", { maxTtl: 1_000, ttl: 2_000 }, /ttl must be .* from 1 to 1000, got 2000/],
    ["wait", { wait: -5 }, /wait must be/],
  ];
  it.each(setups)("createLocks: %s", (_, option, message) => {
    expect(() => createLocks({ backend, ...option })).toThrow(message);
    expect(() => createLocks({ backend, ...option })).toThrow(LockUsageError);
  });

  it("backend options", () => {
    const client = any({ options: {}, evalsha() {}, duplicate() {} });
    expect(() => ioredisBackend(client, { requestTimeout: 0 })).toThrow(/requestTimeout must be/);
    expect(() => ioredisBackend(client, { fenceRetention: 1 })).toThrow(/fenceRetention must be/);
    expect(() => ioredisBackend(any("redis://me:secret@host"))).toThrow(
      /needs an ioredis client.*got a string of 22 characters$/,
    );
    expect(() => nodeRedisBackend(any({}))).toThrow(/needs a node-redis client.*got an object$/);
  });

  it("other arguments", async () => {
    await expect(locks.forceRelease("key", { token: "short" })).rejects.toThrow(
      /at least 8 characters, got 5/,
    );
    await expect(locks.using("key", any(undefined))).rejects.toThrow(
      /using needs a function to run, got undefined/,
    );
    await expect(locks.list({ match: "" })[Symbol.asyncIterator]().next()).rejects.toThrow(/match must be/);
    const lease = await locks.acquire("key");
    await expect(lease.extend(0)).rejects.toThrow(/ttl must be/);
    expect(backend.calls.extend).toBe(0);
  });
});

describe("keys", () => {
  const key = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 });
  const nasty = fc.string({
    unit: fc.constantFrom("{", "}", "%", ":", "7", "B", "D", "2", "5", "f", "*"),
    maxLength: 12,
  });

  it("are encoded so that they can be decoded, and hold no brace", () => {
    fc.assert(
      fc.property(fc.oneof(key, nasty), (user) => {
        const encoded = encodeKey(user);
        expect(decodeKey(encoded)).toBe(user);
        expect(encoded).not.toMatch(/[{}]/);
      }),
      { numRuns: 20_000 },
    );
  });

  it("never share a Redis key, not even with each other's queues and counters", () => {
    fc.assert(
      fc.property(nasty, nasty, (a, b) => {
        fc.pre(a !== b);
        const all = [...lockKeys({ prefix: "lock", key: a }), ...lockKeys({ prefix: "lock", key: b })];
        expect(new Set(all).size).toBe(10);
      }),
      { numRuns: 20_000 },
    );
  });

  it("are all in one hash slot: one tag, and nothing before it", () => {
    fc.assert(
      fc.property(
        fc.oneof(key, nasty).filter((text) => text !== ""),
        (user) => {
          const tags = lockKeys({ prefix: "lock", key: user }).map((each) => /\{(.*?)\}/s.exec(each)?.[1]);
          expect(new Set(tags).size).toBe(1);
          expect(tags[0]).not.toBe("");
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it("are found again by list", () => {
    fc.assert(
      fc.property(nasty, (user) => {
        const [lock, ...others] = lockKeys({ prefix: "lock", key: user });
        expect(keyOf("app:", "lock", `app:${lock}`)).toBe(user);
        for (const other of others) expect(keyOf("app:", "lock", `app:${other}`)).toBeNull();
      }),
      { numRuns: 5_000 },
    );
  });

  it("are matched by stars only, all else is literal", () => {
    expect(matcher("order:*")("order:42")).toBe(true);
    expect(matcher("order:*")("orders")).toBe(false);
    expect(matcher("*:42")("order:42")).toBe(true);
    expect(matcher("a*b*c")("a-b-b-c")).toBe(true);
    expect(matcher("a*b*c")("a-c-b")).toBe(false);
    expect(matcher("ab*ba")("aba")).toBe(false);
    expect(matcher("o?d[e]r")("order")).toBe(false);
    expect(matcher("o?d[e]r")("o?d[e]r")).toBe(true);
    const regex = (match: string) =>
      new RegExp(
        `^${match
          .split("*")
          .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
          .join(".*")}$`,
        "s",
      );
    const unit = fc.constantFrom("a", "b", "*", "?");
    fc.assert(
      fc.property(
        fc.string({ unit, minLength: 1, maxLength: 8 }),
        fc.string({ unit, maxLength: 12 }),
        (match, text) => {
          expect(matcher(match)(text)).toBe(regex(match).test(text));
        },
      ),
      { numRuns: 20_000 },
    );
  });
});

describe("durations", () => {
  it("are accepted exactly when they are whole milliseconds in the range", async () => {
    // Time stands still: a short lease must not end before its release on a loaded machine.
    locks = createLocks({ backend: inProcessBackend({ clock: new FakeClock() }) });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.integer(), fc.double(), fc.bigInt(), fc.string()), async (ttl) => {
        const fine = typeof ttl === "number" && Number.isSafeInteger(ttl) && ttl >= 1 && ttl <= 86_400_000;
        const outcome = await locks
          .acquire(`key ${String(ttl).slice(0, 20)}!`.replace(/\p{Surrogate}/gu, ""), {
            ttl: any(ttl),
            wait: 0,
          })
          .then(
            (lease) => lease.release(),
            (error: unknown) => error,
          );
        if (!fine) expect(outcome).toBeInstanceOf(LockUsageError);
        else expect(outcome === "released" || ttl < 3).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
