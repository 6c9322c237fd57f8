import { EventEmitter, once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { FakeClock, FaultyBackend } from "@lock/core/testing";
import { lockMemory } from "@lock/memory";
import { expect, it, onTestFinished } from "vitest";
import { instrumentTurns } from "../src/index.ts";
import { startMetering } from "./support/metering.ts";

const methods = { read: ["load"], write: ["save"] };

function start() {
  const { meter, points } = startMetering();
  onTestFinished(instrumentTurns({ meter }));
  const clock = new FakeClock();
  const backend = new FaultyBackend(inProcessBackend({ clock }));
  const locks = createLocks({ backend });
  onTestFinished(() => locks.close());
  const store = { load: async () => [], save: async () => undefined };
  const options = { locks, sessionId: "chat", methods, onLateSave: () => undefined };
  return { clock, backend, locks, store, options, counted: () => points("lock.turns") };
}

it.each<[end: string, run: (started: ReturnType<typeof start>) => Promise<unknown>]>([
  ["done", ({ store, options }) => lockMemory(store, options).withTurn(() => undefined)],
  [
    "failed",
    ({ store, options }) =>
      lockMemory(store, options).withTurn(() => {
        throw new Error("no model");
      }),
  ],
  [
    "lost",
    async ({ store, options, backend, clock }) => {
      const turn = lockMemory(store, options).withTurn(async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      });
      await clock.advance(0);
      backend.fail("extend", undefined, Number.POSITIVE_INFINITY);
      await clock.advance(60_000);
      await turn;
    },
  ],
  [
    "abandoned",
    async ({ store, options }) => {
      const stream = await lockMemory(store, { ...options, streamIdle: 1 }).withTurn(() => lines());
      await pause(20);
      await stream.return(undefined);
    },
  ],
])("a turn is counted by how it ended: %s", async (end, run) => {
  const started = start();
  await run(started).catch(() => undefined);
  await expect.poll(started.counted).toEqual([{ "lock.event": end, value: 1 }]);
});

async function* lines() {
  yield "a";
}

it("a turn that was interrupted is counted, and the one that took over", async () => {
  const { meter, points } = startMetering();
  onTestFinished(instrumentTurns({ meter }));
  const locks = createLocks({ backend: inProcessBackend() });
  onTestFinished(() => locks.close());
  const store = { load: async () => [], save: async () => undefined };
  const memory = lockMemory(store, { locks, sessionId: "chat", methods, onConcurrentTurn: "interrupt" });
  const begun = new Promise<void>((begin) => {
    void memory.withTurn(({ signal }) => {
      begin();
      return new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
  });
  await begun;
  await memory.withTurn(() => undefined);
  await expect
    .poll(() => points("lock.turns"))
    .toEqual([
      { "lock.event": "interrupted", value: 1 },
      { "lock.event": "done", value: 1 },
    ]);
});

it("late saves are counted; single calls are no turns", async () => {
  const { store, options, counted } = start();
  const memory = lockMemory(store, options);
  await memory.load();
  const over = new EventEmitter();
  let late: Promise<unknown> = Promise.resolve();
  await memory.withTurn(() => {
    late = once(over, "over")
      .then(() => memory.save())
      .catch((error: { code?: string }) => error.code);
  });
  over.emit("over");
  expect(await late).toBe("TURN_ENDED");
  expect(await counted()).toEqual([
    { "lock.event": "done", value: 1 },
    { "lock.event": "late save", value: 1 },
  ]);
});
