import { once } from "node:events";
import { readFile } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { gate } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { currentTurn, type LateSave, lockMemory, outsideTurn, TurnEndedError } from "../src/index.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
const locks = createLocks({ backend: inProcessBackend() });
let sessions = 0;

function open() {
  const sessionId = `outliving ${++sessions}`;
  const stored: string[] = [];
  const late: LateSave[] = [];
  const store = { read: async () => [...stored], save: async (what: string) => void stored.push(what) };
  const methods = { read: ["read"], write: ["save"] };
  const onLateSave = (save: LateSave) => void late.push(save);
  const memory = lockMemory(store, { locks, sessionId, methods, onLateSave });
  return { memory, sessionId, stored, late };
}

const server = createServer((socket) => {
  socket.on("error", () => undefined);
  const writing = setInterval(() => socket.write("x"), 10);
  socket.on("close", () => clearInterval(writing));
});
beforeAll(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
});
afterAll(() => void server.close());
const port = () => (server.address() as AddressInfo).port;

/** What a program makes once, at its first use: it calls back until it is closed. */
type Make = (call: () => void) => { close(): unknown } | Promise<{ close(): unknown }>;

const MADE: readonly (readonly [what: string, make: Make])[] = [
  [
    "a connection",
    (call) => {
      const socket = connect(port(), "127.0.0.1").on("data", call);
      return { close: () => socket.destroy() };
    },
  ],
  [
    "a timer",
    (call) => {
      const timer = setInterval(call, 10);
      return { close: () => clearInterval(timer) };
    },
  ],
  [
    "a worker",
    (call) => {
      const code = "setInterval(() => require('node:worker_threads').parentPort.postMessage(1), 10)";
      const worker = new Worker(code, { eval: true }).on("message", call);
      return { close: () => worker.terminate() };
    },
  ],
  [
    "a subscriber of Redis",
    (call) => {
      const subscriber = new Redis(scene.url).on("message", call);
      void subscriber.subscribe("outliving");
      const publishing = setInterval(() => void scene.redis.publish("outliving", "x"), 10);
      return {
        close: () => {
          clearInterval(publishing);
          subscriber.disconnect();
        },
      };
    },
  ],
  [
    "a callback of the file system",
    (call) => {
      let isOpen = true;
      const again = () => {
        if (isOpen) call();
        if (isOpen) setTimeout(() => readFile(new URL(import.meta.url), again), 5);
      };
      readFile(new URL(import.meta.url), again);
      const close = () => {
        isOpen = false;
      };
      return { close };
    },
  ],
];

describe.each(MADE)("%s that was made in a turn and outlives it", (_what, make) => {
  it("calls the memory on its own: each call is a turn of one call", async () => {
    const { memory, sessionId, stored, late } = open();
    const ends: unknown[] = [];
    let turnsSeen = 0;
    const call = () => {
      if (currentTurn(sessionId) !== undefined) turnsSeen += 1;
      ends.push(
        memory.save("event").then(
          () => memory.withTurn(() => "turn"),
          (error: unknown) => error,
        ),
      );
    };
    let isOver = false;
    const made = await memory.withTurn(() => make(() => void (isOver && call())));
    isOver = true;
    await expect.poll(() => ends.length).toBeGreaterThan(3);
    await made.close();
    for (const end of await Promise.all(ends)) expect(end).toBe("turn");
    expect({ late, turnsSeen, saved: stored.length >= 3 }).toEqual({ late: [], turnsSeen: 0, saved: true });
  });
});

describe("a promise that outlives its turn", () => {
  const late = async (memory: ReturnType<typeof open>["memory"], wait: Promise<unknown>) => {
    await wait;
    await memory.save("late");
  };

  it.each<[string, () => Promise<unknown>]>([
    ["at once", () => Promise.resolve()],
    ["after a while", () => pause(20)],
    ["of an event", () => once(connect(port(), "127.0.0.1").unref(), "data")],
    [
      "of a worker",
      () =>
        once(
          new Worker("require('node:worker_threads').parentPort.postMessage(1)", { eval: true }),
          "message",
        ),
    ],
    ["of a request", () => new Promise((resolve) => setTimeout(resolve, 10))],
  ])("is refused, and told: %s", async (_when, wait) => {
    const { memory, sessionId, stored, late: told } = open();
    let saving: Promise<unknown> = Promise.resolve();
    const over = gate();
    await memory.withTurn(() => {
      saving = late(memory, Promise.all([wait(), over.opened]));
      saving.catch(() => undefined);
    });
    over.open();
    await expect(saving).rejects.toBeInstanceOf(TurnEndedError);
    await expect(saving).rejects.toThrow(
      /a connection, timer or worker that outlives its turn .* outsideTurn/,
    );
    expect({ stored, told }).toEqual({ stored: [], told: [{ sessionId, method: "save", args: ["late"] }] });
  });
});

describe("outsideTurn", () => {
  it("is for what is made in a turn and calls from promises of its own", async () => {
    const { memory, sessionId, stored } = open();
    const over = gate();
    const loop = async () => {
      await over.opened;
      await memory.save("of a loop");
    };
    let looping: Promise<void> = Promise.resolve();
    await memory.withTurn(() => {
      looping = outsideTurn(() => {
        expect(currentTurn(sessionId)).toBeUndefined();
        return loop();
      });
      expect(currentTurn(sessionId)).toBeDefined();
    });
    over.open();
    await looping;
    expect(stored).toEqual(["of a loop"]);
  });
});

describe("within its turn", () => {
  it("an event is part of it, and what a write of it calls by events is in time", async () => {
    const { sessionId } = open();
    const order: string[] = [];
    const store = {
      outer: (): Promise<void> =>
        new Promise((resolve, reject) => {
          setTimeout(() => locked.inner().then(resolve, reject), 10);
        }),
      inner: async () => void order.push("inner"),
    };
    const locked = lockMemory(store, { locks, sessionId, methods: { write: ["outer", "inner"] } });
    let writing: Promise<void> = Promise.resolve();
    await locked.withTurn(() => {
      writing = locked.outer();
    });
    await writing;
    expect(order).toEqual(["inner"]);
    const token = await locked.withTurn(
      ({ fencingToken }) =>
        new Promise((resolve) =>
          setTimeout(() => resolve(currentTurn(sessionId)?.fencingToken === fencingToken), 5),
        ),
    );
    expect(token).toBe(true);
  });
});
