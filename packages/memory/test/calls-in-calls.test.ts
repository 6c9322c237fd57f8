import { setTimeout as pause } from "node:timers/promises";
import { gate } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { lockMemory, type MemoryWrite } from "../src/index.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
const methods = { read: ["read"], write: ["write"] };

/** A store whose calls do what they are given, and how many writes were ever at work at once. */
function open(onWrite: (write: MemoryWrite) => unknown = () => undefined) {
  let writing = 0;
  const store = {
    most: 0,
    read: async (work: () => unknown = () => undefined) => work(),
    write: async (work: () => unknown = () => undefined) => {
      writing += 1;
      store.most = Math.max(store.most, writing);
      try {
        return await work();
      } finally {
        writing -= 1;
      }
    },
  };
  const sessionId = scene.session();
  const options = { locks: scene.locks, sessionId, methods, wait: 3_000, maxTurn: 20_000 };
  const locked = lockMemory(store, { ...options, onWrite: async (write) => void (await onWrite(write)) });
  const isBusy = async () => (await scene.others.inspect(`memory:${sessionId}`)) !== null;
  return { store, locked, isBusy };
}

describe("a call that is made by a call", () => {
  it("does not wait for the one that waits for it, however deep", async () => {
    const { locked } = open();
    const deep = () =>
      locked.write(() => locked.read(() => locked.read(() => locked.write(() => "the deepest"))));
    expect(await deep()).toBe("the deepest");
    expect(await locked.withTurn(deep)).toBe("the deepest");
  });

  it("does not wait in a hook, and not through another wrapper", async () => {
    const { locked } = open(() => locked.read(() => locked.read()));
    expect(await locked.write(() => 1)).toBe(1);
    const inner = open();
    const outer = lockMemory(
      { read: () => inner.locked.read(), write: () => inner.locked.write(() => "of both") },
      {
        locks: scene.locks,
        sessionId: scene.session(),
        methods,
        onWrite: async () => void (await outer.read()),
      },
    );
    expect(await outer.write()).toBe("of both");
  });

  it("writes of one write come one after the other", async () => {
    const { store, locked } = open();
    let most = 0;
    let now = 0;
    const inner = () =>
      locked.write(async () => {
        now += 1;
        most = Math.max(most, now);
        await pause(5);
        now -= 1;
      });
    await locked.write(() => Promise.all([inner(), inner(), locked.read(inner)]));
    expect(most).toBe(1);
    // The outer one, and the one within it.
    expect(store.most).toBe(2);
  });

  it("and that it does not wait for, ends under the lease", async () => {
    const { locked, isBusy } = open();
    const goOn = gate();
    let wasBusy: boolean | undefined;
    const turn = locked.withTurn(() => {
      void locked.write(() => {
        void locked.write(async () => {
          await goOn.opened;
          wasBusy = await isBusy();
        });
      });
    });
    goOn.open();
    await turn;
    expect(wasBusy).toBe(true);
    expect(await isBusy()).toBe(false);
  });

  it("what a write left behind belongs to what is around it: the turn waits for it", async () => {
    const { locked, isBusy } = open();
    const over = gate();
    const goOn = gate();
    let wasBusy: boolean | undefined;
    const turn = locked.withTurn(async () => {
      const hasBegun = gate();
      await locked.write(() => {
        void over.opened.then(() =>
          locked.write(async () => {
            hasBegun.open();
            await goOn.opened;
            wasBusy = await isBusy();
          }),
        );
      });
      over.open();
      await hasBegun.opened;
    });
    goOn.open();
    await turn;
    expect(wasBusy).toBe(true);
  });

  it("is refused when its turn is over, also one that a write in time left behind", async () => {
    const { locked } = open();
    const over = gate();
    let late: Promise<unknown> = Promise.resolve();
    await locked.withTurn(() => {
      void locked.write(async () => {
        await pause(5);
        late = over.opened.then(() => locked.write());
      });
    });
    over.open();
    await expect(late).rejects.toMatchObject({ code: "TURN_ENDED" });
  });

  it("may call back through another session, also when the turn is ending", async () => {
    const one = open();
    const other = open();
    let late: Promise<unknown> = Promise.resolve();
    await one.locked.withTurn(() => {
      late = one.locked.write(async () => {
        // By then the work of the turn has settled.
        await pause(20);
        return other.locked.write(() => one.locked.write(() => "called back"));
      });
    });
    expect(await late).toBe("called back");
  });

  it("begins before its write is over, and ends under the lease, or is refused: whatever the tick", async () => {
    for (let ticks = 0; ticks < 20; ticks++) {
      const { locked, isBusy } = open();
      let inner: Promise<unknown> = Promise.resolve(true);
      await locked.withTurn(() => {
        void locked.write(() => {
          inner = (async () => {
            for (let tick = 0; tick < ticks; tick++) await null;
            return locked.write(async () => {
              await pause(20);
              return isBusy();
            });
          })();
          inner.catch(() => undefined);
        });
      });
      expect(await inner.catch((error) => error.code === "TURN_ENDED")).toBe(true);
    }
  });

  it("that never settles does not hold a session whose lease is lost", async () => {
    const { locked, isBusy } = open();
    const turn = locked.withTurn(() => void locked.write(() => new Promise(() => {})), { maxTurn: 200 });
    await turn;
    expect(await isBusy()).toBe(false);
  });
});

describe("turns within a turn", () => {
  it("are part of it, also within a write that was made in time", async () => {
    const { locked } = open();
    const over = gate();
    let late: Promise<unknown> = Promise.resolve();
    const token = await locked.withTurn(async (outer) => {
      late = locked.write(async () => {
        await over.opened;
        return locked.withTurn((inner) => inner.fencingToken);
      });
      setTimeout(() => over.open(), 20);
      return outer.fencingToken;
    });
    expect(await late).toBe(token);
  });

  it("are not begun for a caller that has left, or when the outer one is lost", async () => {
    const { locked } = open();
    const left = AbortSignal.abort(new Error("left"));
    await locked.withTurn(async () => {
      await expect(locked.withTurn(() => 1, { signal: left })).rejects.toThrow("left");
    });
    const lost = locked.withTurn(
      async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        await locked.withTurn(() => "never").catch(() => undefined);
      },
      { maxTurn: 100 },
    );
    await expect(lost).rejects.toMatchObject({ code: "LOCK_LOST" });
  });

  it("and calls that begin one after the other from timers, do not hold on to those before", async () => {
    const { locked } = open();
    const storage = Reflect.get(globalThis, Symbol.for("@lock/memory.frames"));
    const depth = () => {
      let frames = 0;
      for (let frame = storage.getStore(); frame !== undefined; frame = frame.outer) frames += 1;
      return frames;
    };
    const deepest = await new Promise<number>((resolve) => {
      let turns = 0;
      const next = () =>
        void locked.withTurn(() => {
          turns += 1;
          if (turns === 20) resolve(depth());
          else setTimeout(next, 1);
        });
      next();
    });
    expect(deepest).toBeLessThan(4);
    const within = await locked.withTurn(async () => {
      for (let at = 0; at < 20; at++)
        await new Promise((resolve) => setTimeout(() => resolve(locked.read()), 1));
      return new Promise<number>((resolve) => {
        let calls = 0;
        const next = () =>
          void locked[calls % 2 ? "read" : "write"](() => {
            calls += 1;
            if (calls === 20) resolve(depth());
            else setTimeout(next, 1);
          });
        next();
      });
    });
    expect(within).toBeLessThan(4);
  });
});

describe("a store that knew better", () => {
  it("makes the turn fail, even if the work swallows it", async () => {
    const { locked } = open();
    const stale = Object.assign(new Error("somebody newer has written"), { code: "STALE_WRITE" });
    const turn = locked.withTurn(() =>
      locked.write(() => Promise.reject(stale)).catch(() => "as if nothing had happened"),
    );
    await expect(turn).rejects.toBe(stale);
    const full = new Error("disk full");
    expect(await locked.withTurn(() => locked.write(() => Promise.reject(full)).catch(() => "handled"))).toBe(
      "handled",
    );
  });
});
