import { gate } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { createLocks, LockTimeoutError, QuorumError } from "../../src/index.ts";
import { type QuorumNode, quorumBackend, voterOf } from "../../src/quorum.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, type Library } from "../support/clients.ts";
import { hooked } from "../support/hooked-node.ts";
import { openQuorum } from "../support/quorum.ts";
import { expectNothingLeftOn, found, heldOn, useSites } from "../support/quorum-sites.ts";

const NODE_TIMEOUT = 150;
const ALL = [0, 1, 2, 3, 4];

describe("nothing is left on any node", () => {
  const sites = useSites(5);
  const open = () => found(sites, { nodeTimeout: NODE_TIMEOUT, proxied: ALL });
  /** Where connections are cut, a node is asked again at once: a machine that stands still is no node that is away. */
  const openPatient = () => found(sites, { proxied: ALL });

  it("of votes that come after the lease was released", async () => {
    const { locks } = await open();
    for (const index of [0, 4]) sites.at(index).proxy.delay(NODE_TIMEOUT * 2);
    for (let turn = 0; turn < 5; turn++) {
      const lease = await locks.acquire(`late ${turn}`, { ttl: 60_000 });
      expect(await lease.release()).toBe("released");
    }
    await expectNothingLeftOn(sites);
  });

  it("of late votes of an acquire that got no majority", async () => {
    const { locks } = await open();
    for (const index of [0, 2, 4]) sites.at(index).proxy.delay(NODE_TIMEOUT * 2);
    await expect(locks.acquire("too late", { ttl: 60_000, wait: 0 })).rejects.toMatchObject({
      code: "LOCK_QUORUM",
    });
    await expectNothingLeftOn(sites);
  });

  it("of votes whose answers were lost", async () => {
    const { locks } = await openPatient();
    for (let turn = 0; turn < 5; turn++) {
      const key = `lost answer ${turn}`;
      const dropped = [turn % 5, (turn + 1) % 5].map((index) =>
        sites.at(index).proxy.dropReply({ after: `{${key}}` }),
      );
      // Held until all nodes were asked for it.
      const lease = await locks.acquire(key, { ttl: 60_000 });
      await Promise.all(dropped);
      expect(await lease.release()).toBe("released");
    }
    await expectNothingLeftOn(sites);
  });

  it("of votes and releases whose answers were lost, at three of five nodes", async () => {
    const { locks } = await openPatient();
    const drop = () => [0, 1, 2].map((index) => sites.at(index).proxy.dropReply({ after: "{lost thrice}" }));
    const votes = drop();
    const lease = await locks.acquire("lost thrice", { ttl: 60_000 });
    await Promise.all(votes);
    const releases = drop();
    await lease.release();
    await Promise.all(releases);
    await expectNothingLeftOn(sites);
  });

  it("of a lease that a node was away from, although other locks on the same backend are closed", async () => {
    await found(sites);
    // Without a queue the client sends nothing by itself later.
    const client = { maxRetriesPerRequest: 0, enableOfflineQueue: false };
    const connect: Library["connect"] = async (url) => {
      const connected = await ioredis6.connect(url, { client });
      await eventually("a connection", () => connected.command("PING").catch(() => undefined));
      return connected;
    };
    const urls = sites.all.map(({ proxy }) => proxy.url);
    await using process = await openQuorum(urls, {}, () => ({ ...ioredis6, connect }));
    const { backend } = process;
    const locks = createLocks({ backend });
    const lease = await locks.acquire("away", { ttl: 60_000 });
    await eventually("all have it", async () => (await heldOn(sites, "away")).every(Boolean) || undefined);
    sites.at(4).proxy.refuse();
    expect(await lease.release()).toBe("released");
    await createLocks({ backend, prefix: "others" }).close();
    sites.at(4).proxy.heal();
    await expectNothingLeftOn(sites);
  });

  it("of those who gave up, by signal or because their wait was over, while votes were under way", async () => {
    const [{ locks }, other] = [await open(), await sites.open()];
    for (const { proxy } of sites.all) proxy.delay(40);
    for (let turn = 0; turn < 8; turn++) {
      const signal = AbortSignal.timeout(10 + 15 * turn);
      const acquiring = locks.acquire(`given up ${turn}`, { ttl: 60_000, signal });
      await acquiring.then(
        (lease) => lease.release(),
        (error: unknown) => expect(error).toBe(signal.reason),
      );
    }
    const held = await other.locks.acquire("busy", { ttl: 60_000 });
    await expect(locks.acquire("busy", { wait: 300 })).rejects.toThrow(LockTimeoutError);
    await held.release();
    await expectNothingLeftOn(sites);
  });
});

describe("a key that was given up", () => {
  const sites = useSites(3);

  it("is granted at once, though the answers of those who gave up were late", async () => {
    const { locks } = await found(sites, { nodeTimeout: NODE_TIMEOUT, proxied: [0, 1, 2] });
    const other = await sites.open({ nodeTimeout: NODE_TIMEOUT });
    for (const { proxy } of sites.all) proxy.delay(NODE_TIMEOUT * 2);
    await expect(locks.tryAcquire("free again", { ttl: 60_000 })).rejects.toMatchObject({
      code: "LOCK_QUORUM",
    });
    const lease = await other.locks.acquire("free again", { wait: 10_000 });
    await eventually("it stays", async () => (await heldOn(sites, "free again")).every(Boolean) || undefined);
    await lease.release();
    await expectNothingLeftOn(sites);
  });

  it("a vote that reaches its node when the caller has given up is refused", async () => {
    await found(sites);
    const clients = await Promise.all(sites.all.map(({ server }) => ioredis6.connect(server.url)));
    const arrive = gate();
    const cancelled: Promise<void>[] = [];
    const votes: Promise<unknown>[] = [];
    /** One whose votes for this key are under way until the gate opens, while all else reaches it. */
    const slow = (node: QuorumNode): QuorumNode => {
      const heard = gate();
      cancelled.push(heard.opened);
      return hooked(node, {
        vote: (request, fence) => {
          if (request.keys[0] !== "given up") return voterOf(node).vote(request, fence);
          const vote = arrive.opened.then(() => voterOf(node).vote(request, fence));
          votes.push(vote.catch(String));
          return vote;
        },
        cancel: async (request, unanswered) => {
          await node.cancel(request, unanswered);
          if (request.keys[0] === "given up") heard.open();
        },
      });
    };
    const nodes = clients.map((client, index) => (index === 0 ? client.backend() : slow(client.backend())));
    const locks = createLocks({ backend: quorumBackend(nodes, { nodeTimeout: 1_000 }) });
    await locks.using("connected", () => undefined);
    await expect(locks.acquire("given up", { ttl: 60_000, wait: 0 })).rejects.toBeInstanceOf(QuorumError);
    await Promise.all(cancelled);
    arrive.open();
    const refused = expect.stringMatching("a request that arrived after it was given up");
    expect(await Promise.all(votes)).toEqual([refused, refused]);
    await expectNothingLeftOn(sites);
    await locks.close();
    for (const client of clients) client.close();
  });
});
