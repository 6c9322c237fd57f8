import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { gate } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { lockMemory, TurnInterruptedError } from "../src/index.ts";
import { aborted } from "./support/gate.ts";
import { useScene } from "./support/scene.ts";
import { SlowMemory } from "./support/slow-memory.ts";

const scene = useScene();

function shared(options: Partial<Parameters<typeof lockMemory>[1]> = {}) {
  const memory = new SlowMemory();
  const sessionId = scene.session();
  const all = { sessionId, onConcurrentTurn: "interrupt", wait: 20_000, ...options } as const;
  const one = lockMemory(memory, { locks: scene.locks, ...all });
  const two = lockMemory(memory, { locks: scene.others, ...all });
  return { memory, sessionId, one, two, key: `memory:${sessionId}` };
}

const said = (what: string) => [{ input: what }, { output: `re:${what}` }] as const;

/** The client of one library interrupts that of the other, or its own. */
const pairs = ["another process", "this process"] as const;

describe.each(pairs)("a turn that is interrupted from %s", (from) => {
  it("is asked to stop, may save what it has, and the newcomer takes over", async () => {
    const { memory, one, two, sessionId } = shared();
    const newer = from === "this process" ? one : two;
    const began = gate();
    const first = one.withTurn(async (turn) => {
      began.open();
      const reason = await aborted(turn.signal);
      expect(reason).toBeInstanceOf(TurnInterruptedError);
      expect(reason).toMatchObject({ code: "TURN_INTERRUPTED", sessionId });
      await one.saveContext(...said("as far as it came"));
      return "stopped";
    });
    await began.opened;
    await newer.withTurn(() => newer.saveContext(...said("instead")));
    expect(await first).toBe("stopped");
    expect(memory.messages).toEqual(["as far as it came", "re:as far as it came", "instead", "re:instead"]);
  });

  it("and does not listen, is over after interruptGrace: it saves no more", async () => {
    const { memory, one, two } = shared({ interruptGrace: 100 });
    const newer = from === "this process" ? one : two;
    const began = gate();
    const tookOver = gate();
    const first = one.withTurn(async () => {
      began.open();
      await tookOver.opened;
      await one.saveContext(...said("too late"));
    });
    first.catch(() => undefined);
    await began.opened;
    await newer.withTurn(() => newer.saveContext(...said("instead")));
    tookOver.open();
    await expect(first).rejects.toBeInstanceOf(TurnInterruptedError);
    expect(memory.messages).toEqual(["instead", "re:instead"]);
  });
});

describe("several newcomers", () => {
  it("the last one wins: those in front of it are interrupted as soon as they begin", async () => {
    const { one, two, key } = shared({ interruptGrace: 20_000 });
    const began = gate();
    const leaves = gate();
    const interrupted: string[] = [];
    const untilInterrupted = (locked: typeof one, name: string) =>
      locked.withTurn(async ({ signal }) => {
        expect(await aborted(signal)).toBeInstanceOf(TurnInterruptedError);
        interrupted.push(name);
      });
    const first = one.withTurn(async () => {
      began.open();
      await leaves.opened;
    });
    await began.opened;
    const waiting = async (count: number) =>
      expect.poll(async () => (await scene.locks.inspect(key))?.waiting, { timeout: 10_000 }).toBe(count);
    const second = untilInterrupted(two, "second");
    await waiting(1);
    const third = untilInterrupted(one, "third");
    await waiting(2);
    const last = two.withTurn(({ signal }) => signal.aborted);
    await waiting(3);
    leaves.open();
    await Promise.all([first, second, third]);
    expect(await last).toBe(false);
    expect(interrupted).toEqual(["second", "third"]);
  });

  it("one that leaves, or dies, interrupts nobody: who waited in front of it has its turn", async () => {
    const { one, two, sessionId, key } = shared();
    const dying = new Worker(new URL("./support/dying-waiter.mjs", import.meta.url), {
      workerData: { url: scene.url, sessionId },
    });
    const began = gate();
    const leaves = gate();
    const first = one.withTurn(
      async () => {
        began.open();
        await leaves.opened;
      },
      { interruptible: false },
    );
    await began.opened;
    const second = two.withTurn(({ signal }) => signal.aborted);
    await expect.poll(async () => (await scene.locks.inspect(key))?.waiting, { timeout: 10_000 }).toBe(1);
    dying.postMessage("wait");
    await expect.poll(async () => (await scene.locks.inspect(key))?.waiting, { timeout: 10_000 }).toBe(2);
    await dying.terminate();
    leaves.open();
    await first;
    expect(await second).toBe(false);
  });

  it("of 20 that come together, the store has what those saved that ran, in order", async () => {
    const { memory, one, two, key } = shared();
    const turn = async (what: string, locked: typeof one) =>
      locked.withTurn(async ({ signal }) => {
        await locked.loadMemoryVariables();
        signal.throwIfAborted();
        await locked.saveContext(...said(what));
        return what;
      });
    const turns = await Promise.allSettled(
      Array.from({ length: 20 }, (_, at) => turn(`${at}`, at % 2 ? one : two)),
    );
    const done = turns.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
    const failed = turns.flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
    for (const error of failed) expect(error).toBeInstanceOf(TurnInterruptedError);
    expect(done.length).toBeGreaterThan(0);
    expect(memory.messages.filter((message) => !message.startsWith("re:")).toSorted()).toEqual(
      done.toSorted(),
    );
    for (let at = 0; at < memory.messages.length; at += 2) {
      expect(memory.messages[at + 1]).toBe(`re:${memory.messages[at]}`);
    }
    expect(await scene.locks.inspect(key)).toBeNull();
  });
});

describe("who can be interrupted", () => {
  it("a turn of a memory that waits in line, if it says so; by one turn that does not", async () => {
    const { one, two } = shared({ onConcurrentTurn: "enqueue", interruptible: true });
    const began = gate();
    const first = one.withTurn(async ({ signal }) => {
      began.open();
      return aborted(signal);
    });
    await began.opened;
    await two.withTurn(() => undefined, { onConcurrentTurn: "interrupt" });
    expect(await first).toBeInstanceOf(TurnInterruptedError);
  });

  it("nobody else: the newcomer waits in line", async () => {
    const { one, two, key } = shared({ onConcurrentTurn: "enqueue" });
    const began = gate();
    const leaves = gate();
    const first = one.withTurn(async ({ signal }) => {
      began.open();
      await leaves.opened;
      return signal.aborted;
    });
    await began.opened;
    const second = two.withTurn(() => "second", { onConcurrentTurn: "interrupt" });
    await expect.poll(async () => (await scene.locks.inspect(key))?.waiting, { timeout: 10_000 }).toBe(1);
    leaves.open();
    expect(await first).toBe(false);
    expect(await second).toBe("second");
  });

  it("not by a message of another session, of another turn, or that makes no sense", async () => {
    const { one, key } = shared();
    const isInterrupted = one.withTurn(async ({ signal }) => {
      const token = (await scene.locks.inspect(key))?.holders[0]?.token ?? "";
      expect(token).not.toBe("");
      const messages = [
        "",
        "interrupt",
        `interrupt ${token} memory:another`,
        `interrupt another! ${key}`,
        `interrupt  ${key}`,
        `interrupt ${token}`,
      ];
      for (const message of messages) await scene.redis.publish("lock:messages", `message lock ${message}`);
      await pause(50);
      return signal.aborted;
    });
    expect(await isInterrupted).toBe(false);
  });

  it("tells nobody when nobody is in the way", async () => {
    const { one } = shared();
    await one.withTurn(() => undefined);
    const calls = async () =>
      Number(/cmdstat_publish:calls=(\d+)/.exec(await scene.redis.info("commandstats"))?.[1] ?? 0);
    const before = await calls();
    await one.withTurn(() => undefined);
    expect(await calls()).toBe(before);
  });
});
