import { gate } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { lockMemory, TurnEndedError } from "../src/index.ts";
import { aborted, settle } from "./support/gate.ts";
import { useScene } from "./support/scene.ts";
import { SlowMemory } from "./support/slow-memory.ts";

const scene = useScene();

/** One memory, as two processes have it. */
function shared(options: Partial<Parameters<typeof lockMemory>[1]> = {}) {
  const memory = new SlowMemory();
  const sessionId = scene.session();
  const one = lockMemory(memory, { locks: scene.locks, sessionId, wait: 20_000, ...options });
  const two = lockMemory(memory, { locks: scene.others, sessionId, wait: 20_000, ...options });
  return { memory, sessionId, one, two, key: `memory:${sessionId}` };
}

const said = (what: string) => [{ input: what }, { output: `re:${what}` }] as const;

describe("a whole turn", () => {
  it("has the session for itself: load, think and save are not mixed with others", async () => {
    const { memory, one, two } = shared();
    const turn = (locked: typeof one, what: string) =>
      locked.withTurn(async () => {
        const { history } = await locked.loadMemoryVariables();
        await settle();
        await locked.saveContext(...said(`${what}${history.length}`));
      });
    await Promise.all(Array.from({ length: 20 }, (_, at) => turn(at % 2 ? one : two, "m")));
    const expected = Array.from({ length: 20 }, (_, at) => [`m${at * 2}`, `re:m${at * 2}`]).flat();
    expect(memory.messages).toEqual(expected);
  });

  it("settles as its function does, and leaves nothing behind", async () => {
    const { one, key } = shared();
    expect(await one.withTurn(async () => "result")).toBe("result");
    expect(await one.withTurn(() => "sync")).toBe("sync");
    await expect(one.withTurn(() => Promise.reject(new Error("of the model")))).rejects.toThrow(
      "of the model",
    );
    await expect(
      one.withTurn(() => {
        throw new Error("at once");
      }),
    ).rejects.toThrow("at once");
    expect(await scene.locks.inspect(key)).toBeNull();
  });

  it("tells the session, and a fencing token that grows with each turn", async () => {
    const { one, two, sessionId } = shared();
    const first = await one.withTurn((turn) => turn.fencingToken);
    const second = await two.withTurn((turn) => turn.fencingToken);
    expect(second).toBeGreaterThan(first);
    expect(await one.withTurn((turn) => turn.sessionId)).toBe(sessionId);
  });

  it("does not hold up other sessions", async () => {
    const a = shared();
    const b = shared();
    await a.one.withTurn(() => b.one.withTurn(() => b.one.saveContext(...said("b"))));
    expect(b.memory.messages).toEqual(["b", "re:b"]);
  });

  it("is refused when the session is busy: reject", async () => {
    const { one, two, sessionId } = shared();
    await one.withTurn(async () => {
      const refused = two.withTurn(() => "never", { onConcurrentTurn: "reject" });
      await expect(refused).rejects.toMatchObject({ code: "LOCK_TIMEOUT", key: `memory:${sessionId}` });
    });
  });

  it("waits no longer than it should, or is wanted", async () => {
    const { one, two } = shared();
    await one.withTurn(async () => {
      await expect(two.withTurn(() => "never", { wait: 30 })).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
      const leaving = new AbortController();
      const left = two.withTurn(() => "never", { signal: leaving.signal });
      leaving.abort(new Error("the user has left"));
      await expect(left).rejects.toThrow("the user has left");
    });
  });
});

describe("within a turn", () => {
  it("calls, and turns, of the same session are part of it, also through another wrapper", async () => {
    const { memory, one, sessionId } = shared();
    const another = lockMemory(memory, { locks: scene.locks, sessionId });
    const tokens = await one.withTurn(async (outer) => {
      await another.saveContext(...said("a"));
      return another.withTurn(async (inner) => {
        await one.saveContext(...said("b"));
        return [outer.fencingToken, inner.fencingToken];
      });
    });
    expect(tokens[0]).toBe(tokens[1]);
    expect(memory.messages).toEqual(["a", "re:a", "b", "re:b"]);
  });

  it("writes of a Promise.all come one after the other, and a read sees those before it", async () => {
    const { memory, one } = shared();
    await one.withTurn(async () => {
      const [, , seen] = await Promise.all([
        one.saveContext(...said("a")),
        one.saveContext(...said("b")),
        one.loadMemoryVariables(),
      ]);
      expect(seen.history).toEqual(["a", "re:a", "b", "re:b"]);
    });
    expect(memory.messages).toEqual(["a", "re:a", "b", "re:b"]);
    expect(memory.most.writes).toBe(1);
  });

  it("a write that failed does not hold up the next", async () => {
    const store = {
      write: async (fault?: Error) => (fault === undefined ? "written" : Promise.reject(fault)),
    };
    const methods = { write: ["write"] };
    const locked = lockMemory(store, { locks: scene.locks, sessionId: scene.session(), methods });
    await locked.withTurn(async () => {
      const failing = locked.write(new Error("full"));
      const next = locked.write();
      await expect(failing).rejects.toThrow("full");
      expect(await next).toBe("written");
    });
  });

  it("a write may call the memory again while it lasts", async () => {
    const { memory, one } = shared({
      onWrite: async ({ args }) => {
        const [{ input }] = args as [{ input: string }];
        if (input !== "outer") return;
        await one.loadMemoryVariables();
        await one.saveContext(...said("inner"));
      },
    });
    await one.withTurn(() => one.saveContext(...said("outer")));
    await one.saveContext(...said("outer"));
    expect(memory.messages).toEqual([
      "inner",
      "re:inner",
      "outer",
      "re:outer",
      "inner",
      "re:inner",
      "outer",
      "re:outer",
    ]);
  });
});

describe("what outlives its turn", () => {
  it("is refused, and the store is not touched", async () => {
    const { memory, one, sessionId } = shared();
    const over = gate();
    let late: Promise<unknown>[] = [];
    await one.withTurn(async () => {
      late = [
        over.opened.then(() => one.saveContext(...said("late"))),
        over.opened.then(() => one.loadMemoryVariables()),
      ];
      await one.saveContext(...said("in time"));
    });
    over.open();
    for (const promise of late) {
      const error = await promise.catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(TurnEndedError);
      expect(error).toMatchObject({ code: "TURN_ENDED", sessionId });
    }
    expect(memory.messages).toEqual(["in time", "re:in time"]);
  });

  it("was called in time, and so ends under the lease", async () => {
    const { memory, one, two } = shared();
    let saving: Promise<void> | undefined;
    await one.withTurn(() => {
      saving = one.saveContext(...said("first")).then(() => undefined);
      void one.saveContext(...said("second"));
    });
    // The turn is over only now that both have landed.
    expect(memory.messages).toEqual(["first", "re:first", "second", "re:second"]);
    await saving;
    await two.saveContext(...said("third"));
    expect(memory.messages).toHaveLength(6);
  });

  it("may begin a turn of its own", async () => {
    const { memory, one } = shared();
    const over = gate();
    let late: Promise<unknown> = Promise.resolve();
    await one.withTurn(() => {
      late = over.opened.then(() => one.withTurn(() => one.saveContext(...said("anew"))));
    });
    over.open();
    await late;
    expect(memory.messages).toEqual(["anew", "re:anew"]);
  });

  it("of a single call is on its own: a connection that it opened may use the memory later", async () => {
    const over = gate();
    let late: Promise<unknown> = Promise.resolve();
    const memory = {
      read: async () => 1,
      write: async () => {
        late = over.opened.then(() => locked.write2());
      },
      write2: async () => "later",
    };
    const methods = { read: ["read"], write: ["write", "write2"] };
    const locked = lockMemory(memory, { locks: scene.locks, sessionId: scene.session(), methods });
    await locked.write();
    over.open();
    expect(await late).toBe("later");
  });
});

describe("calls outside of turns", () => {
  it("reads share the session, writes have it for themselves", async () => {
    const { memory, one, two } = shared();
    await Promise.all(Array.from({ length: 8 }, (_, at) => (at % 2 ? one : two).loadMemoryVariables()));
    expect(memory.most.calls).toBeGreaterThan(1);
    await Promise.all(
      Array.from({ length: 8 }, (_, at) => (at % 2 ? one : two).saveContext(...said(`${at}`))),
    );
    expect(memory.most.writes).toBe(1);
    expect(memory.messages).toHaveLength(16);
  });

  it("wait for a turn", async () => {
    const { one, two, key } = shared();
    const order: string[] = [];
    let reading: Promise<unknown> = Promise.resolve();
    await one.withTurn(async () => {
      reading = two.loadMemoryVariables().then(() => order.push("read"));
      await expect.poll(async () => (await scene.locks.inspect(key))?.waiting).toBe(1);
      await one.saveContext(...said("a"));
      order.push("turn");
    });
    await reading;
    expect(order).toEqual(["turn", "read"]);
  });

  it("snapshotReads: reads wait for nobody", async () => {
    const { one, two } = shared({ snapshotReads: true });
    await one.withTurn(async () => {
      await one.saveContext(...said("half"));
      expect((await two.loadMemoryVariables()).history).toEqual(["half", "re:half"]);
    });
  });

  it("a list that was read does not change when the store's does", async () => {
    const live: number[] = [1];
    const store = { read: async () => live, write: async (value: number) => void live.push(value) };
    const methods = { read: ["read"], write: ["write"] };
    const locked = lockMemory(store, { locks: scene.locks, sessionId: scene.session(), methods });
    const read = await locked.read();
    await locked.write(2);
    expect(read).toEqual([1]);
    const nested = lockMemory(
      { read: async () => ({ history: live, other: 1 }), write: store.write },
      { locks: scene.locks, sessionId: scene.session(), methods },
    );
    const variables = await nested.read();
    await nested.write(3);
    expect(variables).toEqual({ history: [1, 2], other: 1 });
  });

  it("a read that writes is refused: it shares the session", async () => {
    const store = { read: async (): Promise<unknown> => locked.write(), write: async () => "written" };
    const methods = { read: ["read"], write: ["write"] };
    const locked = lockMemory(store, { locks: scene.locks, sessionId: scene.session(), methods });
    await expect(locked.read()).rejects.toThrow(/called a write, or began a turn: hold a turn around both/);
    const turning = {
      read: async (): Promise<unknown> => lockedToo.withTurn(() => 1),
      write: async () => "written",
    };
    const lockedToo = lockMemory(turning, { locks: scene.locks, sessionId: scene.session(), methods });
    await expect(lockedToo.read()).rejects.toThrow(
      /called a write, or began a turn: hold a turn around both/,
    );
  });
});

describe("a lost turn", () => {
  it("learns it by its signal, and nothing it writes reaches the store", async () => {
    const { memory, one, two, key } = shared({ ttl: 1_000 });
    const losing = one.withTurn(async (turn) => {
      await one.saveContext(...said("before"));
      await scene.others.forceRelease(key);
      expect(await aborted(turn.signal)).toMatchObject({ code: "LOCK_LOST" });
      expect(() => turn.assertHeld()).toThrow(/is over/);
      await expect(one.saveContext(...said("late"))).rejects.toMatchObject({ code: "LOCK_LOST" });
      await expect(one.loadMemoryVariables()).rejects.toMatchObject({ code: "LOCK_LOST" });
      await two.withTurn(() => two.saveContext(...said("after")));
      return "as if nothing had happened";
    });
    // Whoever swallows the refusal of a save must not take the turn for a success.
    await expect(losing).rejects.toMatchObject({ code: "LOCK_LOST" });
    expect(memory.messages).toEqual(["before", "re:before", "after", "re:after"]);
  });

  it("that had saved all it wanted is as good as any", async () => {
    const { one, key } = shared({ ttl: 1_000 });
    const done = one.withTurn(async (turn) => {
      await one.saveContext(...said("all"));
      await scene.others.forceRelease(key);
      await aborted(turn.signal);
      return "done";
    });
    expect(await done).toBe("done");
  });

  it("lets through no write that waited for another one meanwhile", async () => {
    const store = { read: async () => 1, write: async (work: () => Promise<void>) => work() };
    const methods = { read: ["read"], write: ["write"] };
    const sessionId = scene.session();
    const locked = lockMemory(store, { locks: scene.locks, sessionId, methods, ttl: 1_000 });
    let hasReached = false;
    const turning = locked.withTurn(async (turn) => {
      const slow = locked.write(async () => {
        await scene.others.forceRelease(`memory:${sessionId}`);
        await aborted(turn.signal);
      });
      const next = locked.write(async () => {
        hasReached = true;
      });
      await slow;
      await next;
    });
    await expect(turning).rejects.toMatchObject({ code: "LOCK_LOST" });
    expect(hasReached).toBe(false);
  });

  it("is not prolonged for ever: maxTurn", async () => {
    const { one } = shared({ maxTurn: 300 });
    const reason = await one.withTurn((turn) => aborted(turn.signal));
    expect(reason).toMatchObject({ code: "LOCK_LOST", reason: "expired" });
  });
});

describe("onWrite", () => {
  it("is told each write, with its fencing token, before it is made", async () => {
    const told: unknown[] = [];
    const { memory, one, sessionId } = shared({
      onWrite: ({ signal, ...write }) =>
        void told.push({ ...write, stored: memory.messages.length, aborted: signal.aborted }),
    });
    const token = await one.withTurn(async (turn) => {
      await one.saveContext(...said("a"));
      return turn.fencingToken;
    });
    await one.clear();
    expect(told).toEqual([
      { sessionId, method: "saveContext", args: said("a"), fencingToken: token, stored: 0, aborted: false },
      { sessionId, method: "clear", args: [], fencingToken: expect.any(Number), stored: 2, aborted: false },
    ]);
  });

  it("prevents a write by throwing, also by losing the lease in the meantime", async () => {
    const { memory, one } = shared({
      onWrite: () => {
        throw new Error("read-only today");
      },
    });
    await expect(one.saveContext(...said("a"))).rejects.toThrow("read-only today");
    const other = shared({
      ttl: 1_000,
      onWrite: async ({ sessionId, signal }) => {
        await scene.others.forceRelease(`memory:${sessionId}`);
        await aborted(signal);
      },
    });
    await expect(other.one.saveContext(...said("a"))).rejects.toMatchObject({ code: "LOCK_LOST" });
    expect([...memory.messages, ...other.memory.messages]).toEqual([]);
  });
});
