import { createLocks, type Locks } from "@lock/core";
import { messagesOf } from "@lock/core/adapter";
import { inProcessBackend } from "@lock/core/in-process";
import { gate } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { lockMemory } from "../src/index.ts";
import { aborted, settle } from "./support/gate.ts";

const methods = { read: ["read"] };
const store = { read: async () => 1 };

/** Locks of which it is known who listens to them, and what they were asked to tell. */
function watchedLocks() {
  const locks = createLocks({ backend: inProcessBackend() });
  const listening = { events: 0, messages: 0 };
  const sent: string[] = [];
  const messages = messagesOf(locks);
  const watched: Locks & { readonly messages: typeof messages } = Object.assign(Object.create(locks), {
    readWrite: locks.readWrite.bind(locks),
    inspect: locks.inspect.bind(locks),
    on: (...args: Parameters<Locks["on"]>) => {
      listening.events += 1;
      const stop = locks.on(...args);
      return () => {
        listening.events -= 1;
        stop();
      };
    },
    messages: {
      send: (message: string) => {
        sent.push(message);
        return messages.send(message);
      },
      hear: async (listener: (message: string) => void) => {
        listening.messages += 1;
        const stop = await messages.hear(listener);
        return () => {
          listening.messages -= 1;
          stop();
        };
      },
    },
  });
  return { locks, watched, listening, sent };
}

describe("whoever interrupts", () => {
  it("listens no longer than it waits, or holds", async () => {
    const { watched, listening } = watchedLocks();
    const options = { locks: watched, sessionId: "a", methods, onConcurrentTurn: "interrupt" } as const;
    const turns = Array.from({ length: 10 }, () =>
      lockMemory(store, options).withTurn(({ signal }) => signal.aborted || aborted(signal).then(() => true)),
    );
    // The last one is interrupted by nobody.
    await settle();
    const last = lockMemory(store, options).withTurn(() => "last");
    await Promise.all([...turns, last]);
    await settle();
    expect(listening).toEqual({ events: 0, messages: 0 });
  });

  it("does not interrupt itself, when the server has handed it the session already", async () => {
    const { watched, sent } = watchedLocks();
    const asked = gate();
    const goOn = gate();
    const { inspect } = watched;
    watched.inspect = async (key) => {
      const state = await inspect(key);
      const [holder] = state?.holders ?? [];
      // What it looks at is the state of a moment later, when it has the session.
      const [waiter] = state?.waiters ?? [];
      if (state === null || holder === undefined || waiter === undefined) return state;
      asked.open();
      return { ...state, holders: [{ ...holder, token: waiter.token, meta: waiter.meta }] };
    };
    const options = { locks: watched, sessionId: "a", methods, interruptible: true } as const;
    const memory = lockMemory(store, options);
    const first = memory.withTurn(() => goOn.opened);
    await settle();
    const second = memory.withTurn(({ signal }) => signal.aborted, { onConcurrentTurn: "interrupt" });
    await asked.opened;
    await settle();
    expect(sent).toEqual([]);
    goOn.open();
    await first;
    expect(await second).toBe(false);
  });

  it("asks nobody any more when it has the session", async () => {
    const { watched, sent } = watchedLocks();
    const looked = gate();
    const goOn = gate();
    const { inspect } = watched;
    watched.inspect = async (key) => {
      const state = await inspect(key);
      looked.open();
      // The answer comes late: by then another one holds it.
      await goOn.opened;
      return state;
    };
    const options = { locks: watched, sessionId: "a", methods, interruptible: true } as const;
    const memory = lockMemory(store, options);
    const ends = gate();
    const first = memory.withTurn(() => ends.opened);
    await settle();
    const second = memory.withTurn(() => undefined, { onConcurrentTurn: "interrupt" });
    await looked.opened;
    ends.open();
    await Promise.all([first, second]);
    goOn.open();
    await settle();
    expect(sent).toEqual([]);
  });
});
