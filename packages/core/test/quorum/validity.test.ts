import { expect, it } from "vitest";
import { inProcessBackend } from "../../src/in-process.ts";
import { createLocks } from "../../src/index.ts";
import { type QuorumNode, quorumBackend, voterOf } from "../../src/quorum.ts";
import { FakeClock } from "../../src/testing.ts";
import { type Hooks, hooked } from "../support/hooked-node.ts";

const TTL = 10_000;
const DRIFT = 0.1;
/** What three nodes say that they have left of it. */
const LEFT = [9_000, 6_000, 3_000];

/** A node's own answers, but for how long it says that it keeps the lease. */
const saying: Record<string, (node: QuorumNode, ttl: number) => Hooks> = {
  acquire: (node, ttl) => ({
    vote: async (request, fence) => Object.assign(await voterOf(node).vote(request, fence), { ttl }),
  }),
  extend: (node, ttl) => ({
    extend: async (...asked) => Object.assign(await node.extend(...asked), { ttl }),
  }),
};

it.each(["acquire", "extend"])(
  "a lease is believed for as long as all of a majority keep it, less the drift of the quorum: %s",
  async (method) => {
    const clock = new FakeClock();
    const nodes = LEFT.map((ttl) => {
      const node = inProcessBackend({ clock });
      return hooked(node, saying[method]?.(node, ttl) ?? {});
    });
    const locks = createLocks({ backend: quorumBackend(nodes, { drift: DRIFT }) });
    const lease = await locks.acquire("key", { ttl: TTL, renew: false });
    if (method === "extend") {
      await clock.advance(8_000);
      await lease.extend();
    }
    expect(lease.validFor).toBe(6_000 * (1 - DRIFT) - 2);
  },
);
