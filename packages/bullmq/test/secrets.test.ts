import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { leaksIn, planted, SECRET, shownBy, textsOf } from "@lock/redis-harness/secrets";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { describe, expect, it } from "vitest";
import type { JobLike, QueueLike } from "../src/bullmq.ts";
import { type GuardOptions, guardJobs } from "../src/index.ts";

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
const key = () => "key";
const make = (options: object) =>
  guardJobs({ locks, key, strategy: "while-executing", ...options } as GuardOptions);

/** A queue that is told of jobs and keeps none. */
const queue: QueueLike = {
  name: "queue",
  add: () => Promise.reject(new Error("nothing is added")),
  addBulk: () => Promise.reject(new Error("nothing is added")),
  getJob: async () => undefined,
};
const job = any({
  id: "1",
  name: "job",
  data: {},
  queueName: "queue",
  attemptsStarted: 1,
  attemptsMade: 0,
  opts: {},
});

async function conflict(choice: unknown): Promise<unknown> {
  const lease = await locks.acquire("run:queue=queue:key");
  const guard = make({ onConflict: { execute: () => choice } });
  const running = guard.processor(() => "done")(job as JobLike);
  return running.finally(() => lease.release());
}

async function told(error: unknown): Promise<unknown> {
  const guard = make({ strategy: "until-executed" });
  guard.on("duplicate", () => {
    throw error;
  });
  let added: JobLike | undefined;
  const holding: QueueLike = {
    ...queue,
    add: async (_name, _data, opts) => {
      added = { ...Object(job), id: Object(opts).jobId, opts: opts ?? {} };
      return any(added);
    },
    getJob: async () => any({ ...added, getState: async () => "waiting" }),
  };
  await guard.add(holding, "job", {});
  return guard.add(holding, "job", {}).finally(() => guard.release("key", "queue"));
}

/** What is thrown with words of its own is told in them. */
const isMessage = (value: unknown) => typeof value === "string" || value instanceof Error;

type Entry = [name: string, use: (value: unknown) => unknown];

const eachOption = (names: readonly string[], use: (options: object) => unknown): Entry[] =>
  names.map((name) => [name, (value) => use({ [name]: value })]);

const OPTIONS = ["locks", "strategy", "scope", "window", "limit", "onConflict", "wait", "ttl", "reschedule"];
const ENTRIES: Entry[] = [
  ["guardJobs", (options) => guardJobs(any(options))],
  ...eachOption([...OPTIONS, "onLost", "onBackendError", "unheardOf"], make),
  ...eachOption(["enqueue", "execute", "unheardOf"], (onConflict) => make({ onConflict })),
  ...eachOption(["min", "max", "jitter", "deadline"], (reschedule) => make({ reschedule })),
  ["hash", (hash) => make({ key: { hash } })],
  ["a window", (window) => make({ strategy: "until-expired", window })],
  [
    "what the key function gives",
    (made) =>
      make({ strategy: "until-executed", key: () => (typeof made === "string" ? "" : made) }).add(
        queue,
        "job",
        {},
      ),
  ],
  ["what the execute function gives", conflict],
  [
    "a jobId",
    (jobId) =>
      make({ strategy: "until-executed" }).add(
        queue,
        "job",
        {},
        any({ jobId: typeof jobId === "string" ? `${jobId}:1` : jobId }),
      ),
  ],
  [
    "data",
    (data) =>
      make({ strategy: "until-executed", key: { hash: ["id"] } }).add(queue, "job", any({ data, n: 1n })),
  ],
  ["what a listener throws", (value) => told(isMessage(value) ? { cause: value } : value)],
];

describe("what was passed is not shown", () => {
  it.each(ENTRIES)("%s", async (_, use) => {
    for (const [kind, value] of values) {
      const leaks = leaksIn(await shownBy(() => use(value)));
      expect({ kind, leaks }).toEqual({ kind, leaks: [] });
    }
  });

  it("of a key function that fails with a command", async () => {
    const command = { name: "set", args: ["key", SECRET] };
    const failing = () => {
      throw Object.assign(new Error(`ERR unknown command 'set', with args beginning with: '${SECRET}'`), {
        command,
      });
    };
    const texts = await shownBy(() =>
      make({ strategy: "until-executed", key: failing }).add(queue, "job", {}),
    );
    expect(texts.join()).toMatch(/the function threw Error: ERR unknown command 'set'/);
    expect(leaksIn(texts)).toEqual([]);
  });
});

it("a guard does not show its locks, nor what is around them", () => {
  const wrapped = {
    acquire: locks.acquire,
    inspect: locks.inspect,
    forceRelease: locks.forceRelease,
    client,
  };
  const guard = make({ locks: wrapped });
  expect(leaksIn(textsOf(guard))).toEqual([]);
  expect(leaksIn(textsOf(guard.processor(() => "done")))).toEqual([]);
});
