import { describe, expect, it } from "vitest";
import type { RedisDriver } from "../../src/backends/redis/driver.ts";
import { lockKeys, memberKey } from "../../src/backends/redis/keys.ts";
import { acquireScript, cancelScript } from "../../src/backends/redis/lua/index.ts";
import { RedisBackend } from "../../src/backends/redis/redis-backend.ts";
import { createLocks } from "../../src/index.ts";
import { voterOf } from "../../src/quorum.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { FakeClock } from "../../src/testing.ts";
import { adopt, ask, granted, rival, useTwoBackends } from "../support/two-backends.ts";

const scene = useTwoBackends();

/** A process whose requests leave it, but are under way until the test delivers them. */
function slow(requestTimeout: number) {
  const [client] = scene.clients;
  if (client === undefined) throw new Error("no client");
  const { driver } = client;
  const state: { isCut: boolean; deliver?: () => Promise<unknown>; cancelled?: Promise<unknown> } = {
    isCut: false,
  };
  const evalsha: RedisDriver["evalsha"] = (sha, keys, args) => {
    if (!state.isCut) return driver.evalsha(sha, keys, args);
    if (sha === acquireScript.sha) state.deliver = () => driver.eval(acquireScript.source, keys, args);
    if (sha !== cancelScript.sha) return new Promise(() => {});
    state.cancelled = driver.eval(cancelScript.source, keys, args);
    return state.cancelled;
  };
  return { state, backend: new RedisBackend({ ...driver, evalsha }, { requestTimeout }) };
}

describe("a request that arrives late", () => {
  it.each([false, true])(
    "is refused, even if nobody cancelled it; the server's time was known: %s",
    async (known) => {
      const { state, backend } = slow(400);
      if (known) await granted(backend, ask());
      state.isCut = true;
      const request = ask();
      await expect(backend.tryAcquire(request)).rejects.toMatchObject({ ambiguous: true });
      // Timers may be early by a millisecond.
      await new Promise((resume) => setTimeout(resume, 5));
      expect(await state.deliver?.()).toEqual([expect.stringMatching(/^late /), expect.any(Number)]);
      expect(await scene.admin.command("EXISTS", ...lockKeys(request))).toBe(0);
    },
  );

  it.each([false, true])("is refused when it was cancelled before; others wait: %s", async (contended) => {
    const { state, backend } = slow(10_000);
    await granted(backend, ask());
    state.isCut = true;
    const request = ask();
    if (contended) await granted(scene.one, rival(request));
    backend.tryAcquire(request).catch(() => undefined);
    const deliver = await eventually("a request under way", () => state.deliver);
    await backend.cancel(request, true);
    expect(await deliver()).toEqual([expect.stringMatching(/^cancelled /), expect.any(Number)]);
    expect((await scene.one.admin?.inspect(request))?.holders.length ?? 0).toBe(contended ? 1 : 0);
  });

  it("is refused when it was cancelled before, also where others were cancelled since", async () => {
    const { state, backend } = slow(10_000);
    await granted(backend, ask());
    state.isCut = true;
    const request = ask();
    backend.tryAcquire(request).catch(() => undefined);
    const deliver = await eventually("a request under way", () => state.deliver);
    await backend.cancel(request, true);
    for (let turn = 0; turn < 3; turn++) await backend.cancel(rival(request), true);
    expect(await deliver()).toEqual([expect.stringMatching(/^cancelled /), expect.any(Number)]);
    expect(await scene.one.admin?.inspect(request)).toBeNull();
  });
});

describe("a vote of a quorum that arrives late", () => {
  const prefix = "voting";
  const vote = () => ask({ prefix });

  /** A node whose votes leave this process, but are under way until the test delivers them. */
  async function slowNode(sentBy: "EVALSHA" | "EVAL", requestTimeout: number) {
    const [client] = scene.clients;
    if (client === undefined) throw new Error("no client");
    const { driver } = client;
    const state: { isCut: boolean; deliver?: () => Promise<unknown> } = { isCut: false };
    const hold = (deliver: () => Promise<unknown>) => {
      state.deliver = deliver;
      return new Promise<never>(() => {});
    };
    const evalsha: RedisDriver["evalsha"] = (sha, keys, args) => {
      const isVote = keys.length > 1 && keys.at(-1) === memberKey(prefix);
      const isHeld = state.isCut && isVote && sentBy === "EVALSHA";
      return isHeld ? hold(() => driver.evalsha(sha, keys, args)) : driver.evalsha(sha, keys, args);
    };
    const evaluate: RedisDriver["eval"] = (source, keys, args) => {
      const isHeld = state.isCut && args.at(-1) === "guarded";
      return isHeld ? hold(() => driver.eval(source, keys, args)) : driver.eval(source, keys, args);
    };
    const node = new RedisBackend({ ...driver, evalsha, eval: evaluate }, { requestTimeout });
    for (const votesIn of [undefined, 0]) await voterOf(node).enroll(prefix, { votesIn, durable: false });
    // From here on the server's time and the script are known.
    expect((await voterOf(node).vote(vote(), 1)).status).toBe("granted");
    if (sentBy === "EVAL") await scene.admin.command("SCRIPT", "FLUSH");
    state.isCut = true;
    return { state, node };
  }

  it.each(["EVALSHA", "EVAL"] as const)("is refused, even if nobody cancelled it; by %s", async (sentBy) => {
    const { state, node } = await slowNode(sentBy, 400);
    const request = vote();
    await expect(voterOf(node).vote(request, 1)).rejects.toMatchObject({ ambiguous: true });
    const deliver = await eventually("a vote under way", () => state.deliver);
    // Timers may be early by a millisecond.
    await new Promise((resume) => setTimeout(resume, 5));
    expect(await deliver()).toEqual([expect.stringMatching(/^late /)]);
    expect(await scene.admin.command("EXISTS", ...lockKeys(request))).toBe(0);
  });

  it.each(["EVALSHA", "EVAL"] as const)("is refused when it was cancelled before; by %s", async (sentBy) => {
    const { state, node } = await slowNode(sentBy, 10_000);
    const request = vote();
    voterOf(node)
      .vote(request, 1)
      .catch(() => undefined);
    const deliver = await eventually("a vote under way", () => state.deliver);
    await node.cancel(request, true);
    expect(await deliver()).toEqual([expect.stringMatching(/^cancelled /)]);
    expect(await scene.one.admin?.inspect(request)).toBeNull();
  });
});

describe("a caller that gives up while its request is under way", () => {
  it("has it refused when it arrives", async () => {
    const { state, backend } = slow(10_000);
    const locks = createLocks({ backend });
    await granted(backend, ask());
    state.isCut = true;
    const request = ask();
    const abort = new AbortController();
    const acquiring = expect(locks.acquire(request.key, { signal: abort.signal })).rejects.toThrow("enough");
    const deliver = await eventually("a request under way", () => state.deliver);
    abort.abort(new Error("enough"));
    await acquiring;
    await eventually("a cancellation", () => state.cancelled);
    expect(await deliver()).toEqual([expect.stringMatching(/^cancelled /), expect.any(Number)]);
    expect(await scene.one.admin?.inspect(request)).toBeNull();
    await locks.close();
  });
});

describe("requests of one tick", () => {
  it("are all answered, each with its own answer, also when they are more than one batch", async () => {
    const requests = Array.from({ length: 150 }, () => ask());
    const busy = requests.filter((_, index) => index % 3 === 0);
    await Promise.all(busy.map((request) => granted(scene.two, rival(request))));
    const outcomes = await Promise.all(requests.map((request) => scene.one.tryAcquire(request)));
    const expected = requests.map((request) => (busy.includes(request) ? "busy" : "granted"));
    expect(outcomes.map(({ status }) => status)).toEqual(expected);
  });
});

describe("an answer that takes its time", () => {
  it("shortens what may be believed: a lease counts from the request that is answered", async () => {
    const [client] = scene.clients;
    if (client === undefined) throw new Error("no client");
    const { driver } = client;
    const clock = new FakeClock();
    const evalsha: RedisDriver["evalsha"] = async (...call) => {
      const reply = await driver.evalsha(...call);
      clock.block(500);
      return reply;
    };
    // What the server does not know yet is sent as its source.
    const evaluate: RedisDriver["eval"] = async (...call) => {
      const reply = await driver.eval(...call);
      clock.block(500);
      return reply;
    };
    const backend = new RedisBackend({ ...driver, evalsha, eval: evaluate }, { clock });
    // From here on the server's time is known, and nothing is asked twice.
    await granted(backend, ask());
    const held = ask();
    const asked = clock.now();
    expect(await backend.tryAcquire(held)).toMatchObject({ status: "granted", since: asked, ttl: 10_000 });
    const prolonged = clock.now();
    expect(await backend.extend(held, 20_000)).toMatchObject({ since: prolonged, ttl: 20_000 });
    const adopter = rival(held, { ttl: 40_000 });
    const adopted = clock.now();
    expect(await adopt(backend, adopter, held, 1)).toMatchObject({ since: adopted, ttl: 40_000 });
    await backend.release(adopter);

    await granted(scene.one, held);
    const waiter = rival(held, { queue: true });
    expect((await backend.tryAcquire(waiter)).status).toBe("busy");
    const news = backend.waitForTurn(waiter);
    await scene.one.release(held);
    expect(await news).toBeNull();
    clock.block(5_000);
    const claimed = clock.now();
    expect(await backend.tryAcquire(waiter)).toMatchObject({
      status: "granted",
      since: claimed,
      ttl: 10_000,
    });
    await backend.release(waiter);
    await backend.close();
  });
});

describe("a waiter", () => {
  /** A process whose timers never fire, and whose messages and answers pass through the test. */
  function still(ears: { clock?: FakeClock; heard?: () => void; answered?: () => Promise<void> } = {}) {
    const [client] = scene.clients;
    if (client === undefined) throw new Error("no client");
    const { driver } = client;
    const { clock = new FakeClock() } = ears;
    const openSubscriber: RedisDriver["openSubscriber"] = (inner, until) =>
      driver.openSubscriber(
        {
          resumed: () => inner.resumed(),
          ended: () => inner.ended(),
          message: (text) => {
            inner.message(text);
            ears.heard?.();
          },
        },
        until,
      );
    const evalsha: RedisDriver["evalsha"] = async (...call) => {
      const reply = await driver.evalsha(...call);
      await ears.answered?.();
      return reply;
    };
    return new RedisBackend({ ...driver, openSubscriber, evalsha }, { clock });
  }

  it("asks at once when its subscriber was cut off and is back: it may have missed the hand-over", async () => {
    const backend = still();
    const held = ask();
    await granted(scene.one, held);
    const waiter = rival(held, { queue: true });
    await backend.tryAcquire(waiter);
    const news = backend.waitForTurn(waiter);
    await scene.admin.command("CLIENT", "KILL", "TYPE", "pubsub");
    // Whether it is back in time to be told or not: it must not have to wait for a timer.
    await scene.one.release(held);
    expect((await news) ?? (await granted(backend, waiter))).toMatchObject({ status: "granted" });
    await backend.release(waiter);
    await backend.close();
  });

  it("whose place was lost has the others of its process join again behind it", async () => {
    const clock = new FakeClock();
    const backend = still({ clock });
    const held = ask();
    await granted(scene.one, held);
    const [first, second] = [rival(held, { queue: true }), rival(held, { queue: true })];
    await backend.tryAcquire(first);
    await backend.tryAcquire(second);
    const news = backend.waitForTurn(second);
    await scene.admin.command("DEL", lockKeys(held)[2]);
    await backend.tryAcquire(first);
    expect(await news).toBeNull();
    await backend.close();
  });

  it("that gave up while its question was under way is not kept by its process", async () => {
    const clock = new FakeClock();
    let deliver = () => {};
    const delivered = new Promise<void>((resolve) => {
      deliver = resolve;
    });
    const state = { isLate: false };
    const answered = async () => {
      if (!state.isLate) return;
      state.isLate = false;
      await delivered;
    };
    const backend = still({ clock, answered });
    await granted(backend, ask());
    const held = ask();
    await granted(scene.one, held);
    const waiter = rival(held, { queue: true });
    state.isLate = true;
    const asking = backend.tryAcquire(waiter);
    await eventually("a waiter", async () =>
      (await scene.one.admin?.inspect(held))?.waiting === 1 ? true : undefined,
    );
    await backend.cancel(waiter, true);
    deliver();
    expect((await asking).status).toBe("busy");
    await backend.close();
    expect(clock.pending).toBe(0);
  });

  it("asks at once when a message overtook the answer that it is queued", async () => {
    let isHeard = false;
    const state = { isWaiting: false };
    const backend = still({
      heard: () => {
        isHeard = true;
      },
      answered: async () => {
        if (state.isWaiting && (await scene.one.admin?.inspect(waiter))?.waiting === 1) {
          await scene.one.release(held);
          await eventually("the message", () => (isHeard ? true : undefined));
        }
      },
    });
    const held = ask();
    const waiter = rival(held, { queue: true });
    await granted(scene.one, held);
    // The first that waits opens the connection that hears messages.
    const another = rival(held, { queue: true });
    await backend.tryAcquire(another);
    expect(await backend.waitForTurn(another)).toBeNull();
    await backend.cancel(another, false);
    isHeard = false;
    state.isWaiting = true;
    expect((await backend.tryAcquire(waiter)).status).toBe("busy");
    expect(await backend.waitForTurn(waiter)).toBeNull();
    await granted(backend, waiter);
    await backend.release(waiter);
    await backend.close();
  });
});
