import { describe, expect, it, onTestFinished } from "vitest";
import { unattendedLeases } from "../../src/adapter.ts";
import { inProcessBackend } from "../../src/in-process.ts";
import { createLocks } from "../../src/index.ts";
import { type QuorumBackendOptions, quorumBackend } from "../../src/quorum.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { connectionLost, type Hooks, hooked } from "../support/hooked-node.ts";

/** Three nodes, and any number of processes; what hooks replace is on a process's own way to each node. */
async function threeNodes(options: QuorumBackendOptions = {}) {
  const nodes = [1, 2, 3].map(() => inProcessBackend());
  const open = (hooks: readonly Hooks[] = []) => {
    const backends = nodes.map((node, index) => hooked(node, hooks[index] ?? {}));
    const locks = createLocks({ backend: quorumBackend(backends, { nodeTimeout: 200, ...options }) });
    onTestFinished(() => locks.close());
    return locks;
  };
  await open().using("founding", () => undefined);
  /** Milliseconds that each node still keeps a key. */
  const left = async (key: string) => {
    const states = await Promise.all(nodes.map((node) => node.inspect({ prefix: "lock", key })));
    return states.map((state) => state?.holders[0]?.remaining ?? 0);
  };
  const isFree = (key: string) =>
    eventually(
      `${key} is free on all nodes`,
      async () => (await left(key)).every((ms) => ms === 0) || undefined,
    );
  return { nodes, open, left, isFree };
}

function standStill(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

it.each([1, 2, 3, 4])(
  "what undoes a grant that was heard of after its ttl does not undo the next, turn %i",
  async () => {
    const { nodes, open, isFree } = await threeNodes();
    const hooks: Hooks[] = [{}, {}, {}];
    const [one, two] = [open(hooks), open()];
    await one.using("warm", () => undefined);
    let isFirst = true;
    let isAway = false;
    const stall = () => {
      isFirst = false;
      standStill(700);
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
          const vote = await node.vote(request, fence);
          if (isFirst) stall();
          return vote;
        },
        release: (held) => (isAway ? connectionLost() : node.release(held)),
        withdraw: (...asked) => (isAway ? connectionLost() : node.withdraw(...asked)),
      } satisfies Hooks);
    }
    const lease = await one.acquire("late", { ttl: 600, wait: 10_000, renew: false });
    const taken = await two.tryAcquire("late", { ttl: 600, wait: 300 });
    if (taken !== null) expect(lease.validFor).toBe(0);
    await taken?.release();
    await lease.release();
    await isFree("late");
  },
);

describe("a lease that is adopted", () => {
  it("is believed no longer than the drift of the quorum allows", async () => {
    const { open } = await threeNodes({ drift: 0.5 });
    const lease = await open().acquire("drift", { ttl: 10_000, renew: false });
    expect(lease.validFor).toBeLessThanOrEqual(5_000);
    const adopted = await open().adopt(lease.toTicket());
    expect(adopted.validFor).toBeLessThanOrEqual(5_000);
    await adopted.release();
  });

  it("is taken at its next extend where it could not be adopted", async () => {
    const { open, left, isFree } = await threeNodes();
    const hooks: Hooks[] = [{}, {}, { adopt: connectionLost }];
    const lease = await open().acquire("adopted", { ttl: 1_000, renew: false });
    const adopted = await open(hooks).adopt(lease.toTicket());
    await eventually("it stands on all nodes", async () => {
      await adopted.extend(20_000);
      return (await left("adopted")).every((ms) => ms > 15_000) || undefined;
    });
    await adopted.release();
    await isFree("adopted");
  });
});

describe("a node that is away when a lease is released frees it when it is back", () => {
  const pastTheFirstTtl = () => new Promise((resume) => setTimeout(resume, 900));

  it("also one that was extended beyond its first ttl", async () => {
    const { open, isFree } = await threeNodes();
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
    const { open, isFree } = await threeNodes();
    const hooks: Hooks[] = [{}, {}, {}];
    const leases = unattendedLeases(open(hooks));
    const token = leases.newToken();
    expect(await leases.take("unattended", token, { ttl: 30_000 })).toBe(true);
    Object.assign(hooks[0] ?? {}, { release: connectionLost });
    expect(await leases.release("unattended", token)).toBe(true);
    await pastTheFirstTtl();
    delete hooks[0]?.release;
    await isFree("unattended");
  });

  it("and not for minHold from then on", async () => {
    const { open, left } = await threeNodes();
    const hooks: Hooks[] = [{}, {}, {}];
    const lease = await open(hooks).acquire("kept", { ttl: 20_000, minHold: 5_000 });
    const start = performance.now();
    Object.assign(hooks[0] ?? {}, { retain: connectionLost });
    await lease.release();
    await pastTheFirstTtl();
    delete hooks[0]?.retain;
    await eventually("it is told", async () => ((await left("kept"))[0] ?? 0) < 10_000 || undefined);
    const passed = performance.now() - start;
    expect((await left("kept"))[0]).toBeLessThanOrEqual(5_000 - passed + 50);
  });
});

it("one that was handed the key at home asks the other nodes soon, whatever its retry delay", async () => {
  const { nodes, open } = await threeNodes();
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
