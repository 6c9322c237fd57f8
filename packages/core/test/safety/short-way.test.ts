import { describe, expect, it } from "vitest";
import { lockKeys } from "../../src/backends/redis/keys.ts";
import type { AcquireRequest } from "../../src/contract/backend.ts";
import { ask, granted, type Request, rival, useTwoBackends } from "../support/two-backends.ts";

/** Requests of one tick travel as one command. What the first ones need must make no difference to the others. */
const scene = useTwoBackends();

const hourAhead = (): string => String((Date.now() + 3_600_000) * 1_000);

/** Each makes a request that the short way of an acquire does not suffice for, and says what becomes of it. */
const SPECIAL: readonly (readonly [string, () => Promise<Request>, "granted" | "busy" | RegExp])[] = [
  [
    "a key that is held",
    async () => {
      const held = ask();
      await granted(scene.two, held);
      return rival(held);
    },
    "busy",
  ],
  ["a reader", async () => ask({ mode: { kind: "shared" } }), "granted"],
  ["one of several permits", async () => ask({ mode: { kind: "permits", permits: 2 } }), "granted"],
  [
    "a lease that it has",
    async () => {
      const held = ask();
      await granted(scene.one, held);
      return held;
    },
    "granted",
  ],
  [
    "a counter ahead of the clock",
    async () => {
      const request = ask();
      await scene.admin.command("SET", lockKeys(request)[1], hourAhead(), "PX", "60000");
      return request;
    },
    "granted",
  ],
  [
    "a counter of another type",
    async () => {
      const request = ask();
      await scene.admin.command("RPUSH", lockKeys(request)[1], "x");
      return request;
    },
    /WRONGTYPE/,
  ],
  [
    "a counter that no lock writes",
    async () => {
      const request = ask();
      await scene.admin.command("SET", lockKeys(request)[1], "9223372036854775807", "PX", "60000");
      return request;
    },
    /counter of fencing tokens/,
  ],
  [
    "a request that was given up",
    async () => {
      const request = ask();
      await scene.two.cancel(request, true);
      return request;
    },
    /after it was given up/,
  ],
];

describe("a command with several acquires", () => {
  it.each(SPECIAL)("answers each as it would alone: %s", async (_, special, outcome) => {
    // The first answer of a server only tells its time.
    await granted(scene.one, ask());
    for (const place of [0, 1, 3]) {
      const requests = [ask(), ask(), ask()];
      requests.splice(place, 0, await special());
      const outcomes = await Promise.allSettled(requests.map((request) => scene.one.tryAcquire(request)));
      for (const [index, settled] of outcomes.entries()) {
        const told = settled.status === "fulfilled" ? settled.value.status : String(settled.reason);
        if (index === place) expect(told).toMatch(outcome);
        else expect(told).toBe("granted");
      }
      const fences = outcomes.flatMap((settled) =>
        settled.status === "fulfilled" && settled.value.status === "granted"
          ? [settled.value.fencingToken]
          : [],
      );
      expect(fences.every(Number.isSafeInteger)).toBe(true);
    }
  });

  it.each([
    ["a reader, then a writer", "shared", "exclusive"],
    ["a writer, then a reader", "exclusive", "shared"],
  ] as const)("of one key serves them in their order: %s", async (_, first, second) => {
    await granted(scene.one, ask());
    const before = ask();
    const a = ask({ mode: { kind: first } });
    const b = rival(a, { mode: { kind: second } });
    const asked: AcquireRequest[] = [before, a, b];
    const outcomes = await Promise.all(asked.map((request) => scene.one.tryAcquire(request)));
    expect(outcomes.map(({ status }) => status)).toEqual(["granted", "granted", "busy"]);
  });
});

describe("a command with several releases", () => {
  it("answers each as it would alone, and serves those who wait", async () => {
    const kinds = ["held", "waited for", "not held", "shared", "held"] as const;
    const requests: Request[] = [];
    const waiters: Request[] = [];
    for (const kind of kinds) {
      const request = ask({ mode: { kind: kind === "shared" ? "shared" : "exclusive" } });
      requests.push(request);
      if (kind === "not held") continue;
      await granted(scene.one, request);
      if (kind !== "waited for") continue;
      const waiter = rival(request, { queue: true });
      expect((await scene.two.tryAcquire(waiter)).status).toBe("busy");
      waiters.push(waiter);
    }
    const outcomes = await Promise.all(requests.map((request) => scene.one.release(request)));
    expect(outcomes).toEqual(["released", "released", "notHeld", "released", "released"]);
    for (const waiter of waiters) {
      await scene.two.waitForTurn(waiter);
      expect((await scene.two.tryAcquire(waiter)).status).toBe("granted");
    }
  });
});
