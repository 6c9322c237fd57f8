import { gate } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { detachedLeases } from "../../src/adapter.ts";
import type { Admin } from "../../src/contract/admin.ts";
import { inProcessBackend } from "../../src/in-process.ts";
import { createLocks, LockLostError, type LocksWithoutPermits } from "../../src/index.ts";
import { type QuorumBackendOptions, quorumBackend, type Voter, voterOf } from "../../src/quorum.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { connectionLost, type Hooks, hooked } from "../support/hooked-node.ts";
import { ask, granted } from "../support/two-backends.ts";

/** Three nodes, and any number of processes; what hooks replace is on a process's own way to each node. */
async function threeNodes(options: QuorumBackendOptions = {}) {
  const nodes = [1, 2, 3].map(() => inProcessBackend());
  const opened: LocksWithoutPermits[] = [];
  const open = (hooks: readonly Hooks[] = []) => {
    const backends = nodes.map((node, index) => hooked(node, hooks[index] ?? {}));
    const locks = createLocks({ backend: quorumBackend(backends, { nodeTimeout: 200, ...options }) });
    opened.push(locks);
    return locks;
  };
  await open().using("founding", () => undefined);
  /** Milliseconds that each node still keeps a key. */
  const left = async (key: string) => {
    const states = await Promise.all(nodes.map((node) => node.admin.inspect({ prefix: "lock", key })));
    return states.map((state) => state?.holders[0]?.remaining ?? 0);
  };
  const isFree = (key: string) =>
    eventually(
      `${key} is free on all nodes`,
      async () => (await left(key)).every((ms) => ms === 0) || undefined,
    );
  const close = async () => {
    await Promise.all(opened.map((locks) => locks.close()));
  };
  return { nodes, open, left, isFree, [Symbol.asyncDispose]: close };
}

function standStill(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

// These first ones hold up the whole process: each runs alone.
it.each([1, 2, 3, 4])(
  "what undoes a grant that was heard of after its ttl does not undo the next, turn %i",
  async () => {
    await using three = await threeNodes();
    const { nodes, open, isFree } = three;
    const hooks: Hooks[] = [{}, {}, {}];
    const [one, two] = [open(hooks), open()];
    await one.using("warm", () => undefined);
    let isFirst = true;
    let isAway = false;
    const stall = () => {
      isFirst = false;
      standStill(500);
      // As after a suspension: then the connections are found to be broken.
      isAway = true;
      setTimeout(() => {
        isAway = false;
      }, 201);
    };
    for (const [index, node] of nodes.entries()) {
      Object.assign(hooks[index] ?? {}, {
        vote: async (request, fence) => {
          if (isAway) return connectionLost();
          const vote = await voterOf(node).vote(request, fence);
          if (isFirst) stall();
          return vote;
        },
        release: (held) => (isAway ? connectionLost() : node.release(held)),
        cancel: (...asked) => (isAway ? connectionLost() : node.cancel(...asked)),
      } satisfies Hooks);
    }
    const lease = await one.acquire("late", { ttl: 400, wait: 10_000, renew: false });
    const taken = await two.tryAcquire("late", { ttl: 400, wait: 200 });
    if (taken !== null) expect(lease.validFor).toBe(0);
    await taken?.release();
    await lease.release();
    await isFree("late");
  },
);

it("a forced release takes it from all readers, also where they are more than are shown at once", async () => {
  await using three = await threeNodes();
  const { open, isFree } = three;
  const locks = open();
  const { read } = locks.readWrite("read by many");
  await Promise.all(Array.from({ length: 1_100 }, () => read.acquire({ ttl: 60_000, renew: false })));
  expect(await locks.forceRelease("read by many")).toBe(true);
  await isFree("read by many");
});

describe.concurrent("a lease that is adopted", () => {
  it("is believed no longer than the drift of the quorum allows", async () => {
    await using three = await threeNodes({ drift: 0.5 });
    const { open } = three;
    const lease = await open().acquire("drift", { ttl: 10_000, renew: false });
    expect(lease.validFor).toBeLessThanOrEqual(5_000);
    const adopted = await open().adopt(lease.toTicket());
    expect(adopted.validFor).toBeLessThanOrEqual(5_000);
    await adopted.release();
  });

  it("is taken at its next extend where it could not be adopted", async () => {
    await using three = await threeNodes();
    const { open, left, isFree } = three;
    const third: Hooks = { extend: connectionLost };
    const lease = await open().acquire("adopted", { ttl: 1_000, renew: false });
    const adopted = await open([{}, {}, third]).adopt(lease.toTicket());
    Reflect.deleteProperty(third, "extend");
    await eventually("it stands on all nodes", async () => {
      await adopted.extend(20_000);
      return (await left("adopted")).every((ms) => ms > 15_000) || undefined;
    });
    await adopted.release();
    await isFree("adopted");
  });
});

describe.concurrent("a node that is away when a lease is released frees it when it is back", () => {
  const pastTheFirstTtl = () => new Promise((resume) => setTimeout(resume, 900));

  it("also one that was extended beyond its first ttl", async () => {
    await using three = await threeNodes();
    const { open, isFree } = three;
    const hooks: Hooks[] = [{}, {}, {}];
    const lease = await open(hooks).acquire("extended", { ttl: 300, renew: false });
    await lease.extend(30_000);
    Object.assign(hooks[0] ?? {}, { release: connectionLost });
    expect(await lease.release()).toBe("released");
    await pastTheFirstTtl();
    delete hooks[0]?.release;
    await isFree("extended");
  });

  it("also one of which only the token is known", async () => {
    await using three = await threeNodes();
    const { open, isFree } = three;
    const hooks: Hooks[] = [{}, {}, {}];
    const leases = detachedLeases(open(hooks));
    const token = leases.newToken();
    expect(await leases.take("detached", token, { ttl: 30_000 })).toBe(true);
    Object.assign(hooks[0] ?? {}, { release: connectionLost });
    expect(await leases.release("detached", token)).toBe(true);
    await pastTheFirstTtl();
    delete hooks[0]?.release;
    await isFree("detached");
  });

  it("and not for minHold from then on", async () => {
    await using three = await threeNodes();
    const { open, left } = three;
    const hooks: Hooks[] = [{}, {}, {}];
    const lease = await open(hooks).acquire("kept", { ttl: 20_000, minHold: 5_000 });
    const start = performance.now();
    Object.assign(hooks[0] ?? {}, { release: connectionLost });
    await lease.release();
    await pastTheFirstTtl();
    delete hooks[0]?.release;
    await eventually("it is told", async () => ((await left("kept"))[0] ?? 0) < 10_000 || undefined);
    const passed = performance.now() - start;
    expect((await left("kept"))[0]).toBeLessThanOrEqual(5_000 - passed + 50);
  });
});

it.concurrent("one that was handed the key at the queue node asks the other nodes soon, whatever its retry delay", async () => {
  await using three = await threeNodes();
  const { nodes, open } = three;
  const hooks: Hooks[] = [{}, {}, {}];
  const [one, two] = [open(hooks), open()];
  const lease = await one.acquire("handed", { ttl: 20_000 });
  const waiting = two.acquire("handed", { ttl: 20_000, wait: 30_000, retry: { delay: 60_000 } });
  await eventually("it waits", async () => (await two.inspect("handed"))?.waiting === 1 || undefined);
  for (const [index, node] of nodes.entries()) {
    if (index === 0) continue;
    Object.assign(hooks[index] ?? {}, {
      release: async (held: Parameters<typeof node.release>[0]) => {
        await new Promise((resume) => setTimeout(resume, 30));
        return node.release(held);
      },
    });
  }
  await lease.release();
  await (await waiting).release();
});

it.concurrent("what a node has queued is taken out of its queue, although the node has no vote any more", async () => {
  await using three = await threeNodes();
  const { nodes, open } = three;
  const first: Hooks = {};
  const [one, two] = [open([first]), open()];
  await one.using("warm", () => undefined);
  let askAgain = () => {};
  first.waitForTurn = () =>
    new Promise((resolve) => {
      askAgain = () => resolve(null);
    });
  const held = await two.acquire("left behind");
  const acquiring = one.acquire("left behind", { wait: 1_000 }).catch((error: unknown) => error);
  const waiting = async () => {
    const states = await Promise.all(
      nodes.map((node) => node.admin.inspect({ prefix: "lock", key: "left behind" })),
    );
    return states.map((state) => state?.waiting ?? 0);
  };
  await eventually("a waiter at the queue node", async () => (await waiting())[0] === 1 || undefined);
  first.vote = async () => ({ status: "abstained", isMember: true });
  askAgain();
  expect(await acquiring).toBeInstanceOf(Error);
  await eventually("no waiter", async () => (await waiting()).every((count) => count === 0) || undefined);
  await held.release();
});

it.concurrent("a lease that is extended before the slowest node has voted is extended there too", async () => {
  await using three = await threeNodes();
  const { nodes, open, left } = three;
  const hooks: Hooks[] = [{}, {}, {}];
  const locks = open(hooks);
  await locks.using("warm", () => undefined);
  const [, , slowest] = nodes;
  if (slowest === undefined) throw new Error("three nodes were asked for");
  const arrives = gate();
  Object.assign(hooks[2] ?? {}, {
    vote: async (...vote: Parameters<Voter["vote"]>) => {
      await arrives.opened;
      return voterOf(slowest).vote(...vote);
    },
  });
  const lease = await locks.acquire("slow vote", { ttl: 5_000, renew: false });
  await lease.extend(50_000);
  arrives.open();
  await eventually("it has it for longer", async () => {
    const [, , ms = 0] = await left("slow vote");
    return ms > 40_000 || undefined;
  });
  await lease.release();
});

it.concurrent.each([
  ["before", 0],
  ["after", 50],
])(
  "a lease is taken soon where it was declined, %s others had granted it, since the one before had not ended there",
  async (_, delay) => {
    await using three = await threeNodes();
    const { nodes, open, left } = three;
    const [, , last] = nodes;
    if (last === undefined) throw new Error("three nodes were asked for");
    const slow: Hooks = {
      vote: async (...vote) => {
        await new Promise((resume) => setTimeout(resume, delay));
        return voterOf(last).vote(...vote);
      },
    };
    await granted(last, ask({ keys: ["declined"], ttl: 150 }));
    await using _lease = await open([{}, {}, slow]).acquire("declined", { ttl: 60_000 });
    await eventually("the last node has it", async () => {
      const [, , ms = 0] = await left("declined");
      return ms > 1_000 || undefined;
    });
  },
);

it.concurrent("a forced release that comes late to a node does not take it from the next holder", async () => {
  await using three = await threeNodes();
  const { nodes, open, left } = three;
  const hooks: Hooks[] = [{}, {}, {}];
  const [forcing, locks] = [open(hooks), open()];
  const [, , slow] = nodes;
  const arrivals: Promise<boolean>[] = [];
  const arrives = gate();
  Object.assign(hooks[2] ?? {}, {
    forceRelease: async (...request: Parameters<Admin["forceRelease"]>) => {
      await arrives.opened;
      const arrival = slow?.admin.forceRelease(...request) ?? Promise.resolve(false);
      arrivals.push(arrival);
      return arrival;
    },
  });
  const isEverywhere = async () => (await left("forced")).every((ms) => ms > 0) || undefined;
  const old = await locks.acquire("forced", { ttl: 60_000 });
  await eventually("all nodes have the old one", isEverywhere);
  expect(await forcing.forceRelease("forced")).toBe(true);
  await expect(old.extend()).rejects.toBeInstanceOf(LockLostError);
  await using next = await locks.acquire("forced", { ttl: 60_000, wait: 5_000 });
  await eventually("all nodes have the next one", isEverywhere);
  arrives.open();
  await eventually("it has come", () => arrivals.length > 0 || undefined);
  await Promise.all(arrivals);
  expect(await isEverywhere()).toBe(true);
  await next.extend();
});

it.concurrent("a forced release takes a lease that only slow nodes and one other have", async () => {
  await using three = await threeNodes();
  const { nodes, open, isFree } = three;
  const hooks: Hooks[] = [{}, {}, {}];
  const [forcing, locks] = [open(hooks), open()];
  await locks.acquire("slow", { ttl: 60_000, renew: false });
  await nodes[0]?.admin.forceRelease({ prefix: "lock", key: "slow" }, undefined);
  Object.assign(hooks[2] ?? {}, { inspect: () => new Promise(() => {}) });
  expect(await forcing.forceRelease("slow")).toBe(true);
  await isFree("slow");
});

it.concurrent.each([
  ["at once", async () => undefined],
  // All were asked by then: what this node says is acted on all the same.
  ["when a majority has answered", () => new Promise((resume) => setTimeout(resume, 100))],
])(
  "a node whose clock was ahead as it became a member, and that says so %s, counts anew",
  async (_, delay) => {
    await using three = await threeNodes({ maxTtl: 60_000 });
    const { open } = three;
    const asked: (number | undefined)[] = [];
    const ahead: Hooks = {
      enroll: async (_, { votesIn = 86_400_000 }) => {
        asked.push(votesIn);
        await delay();
        return { status: "member", id: "ahead", votesIn };
      },
    };
    await open().using("founded", () => undefined);
    await open([ahead]).using("put right", () => undefined);
    await eventually("a shorter time", () => asked.includes(61_000) || undefined);
  },
);
