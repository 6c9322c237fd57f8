import { fewOrMany } from "@lock/redis-harness/vitest";
import { afterEach, describe, expect, it } from "vitest";
import { checkHealth } from "../../src/health.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { expectNothingLeftOn, found, heldOn, useSites } from "../support/quorum-sites.ts";

const HOUR = 3_600_000;

/** At the first one waiters queue. */
const NODES = [0, 3].slice(0, fewOrMany(1, 2));

for (const node of NODES) {
  describe.concurrent(`node ${node} of five`, () => {
    const sites = useSites(5, { clockOffsetOf: node });
    afterEach(() => sites.at(node).server.setClockOffset(0));

    describe.sequential.each([HOUR, -HOUR])(`the clock of node ${node} is stepped by %i ms`, (step) => {
      it("a lease that is held stays held and renewed, and nobody else gets it", async () => {
        const [one, two] = [await found(sites), await sites.open()];
        const key = `stepped ${node} ${step}`;
        const lease = await one.locks.acquire(key, { ttl: 1_500 });
        sites.at(node).server.setClockOffset(step);
        let renewals = 0;
        one.locks.on("extended", (event) => {
          if (event.key === key) renewals += 1;
        });
        await eventually("renewed thrice beside others", async () => {
          expect(await two.locks.tryAcquire(key)).toBeNull();
          return renewals >= 3 ? true : undefined;
        });
        expect(lease.validFor).toBeGreaterThan(0);
        expect(await lease.release()).toBe("released");
        const next = await two.locks.acquire(key);
        expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
        await next.release();
        if (step > 0) await expectNothingLeftOn(sites);
      });

      it("grants go on, with growing tokens, also when it is set right", async () => {
        const members = [await found(sites), await sites.open()];
        const tokens: number[] = [];
        const grant = async () => {
          for (const { locks } of members) {
            await locks.using(`granted ${node} ${step}`, { ttl: 1_000 }, (lease) =>
              tokens.push(lease.fencingToken),
            );
          }
        };
        await grant();
        sites.at(node).server.setClockOffset(step);
        for (let turn = 0; turn < 5; turn++) await grant();
        sites.at(node).server.setClockOffset(0);
        for (let turn = 0; turn < 5; turn++) await grant();
        expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
        expect(tokens).toHaveLength(22);
      });

      it("what a dead process held there is free after its ttl", async () => {
        const [one, two] = [await found(sites, { proxied: [0, 1, 2, 3, 4] }), await sites.open()];
        const key = `left ${node} ${step}`;
        const lease = await one.locks.acquire(key, { ttl: 2_000, renew: false });
        // What is still on its way when the process dies may not arrive: a bare majority is no match for a clock.
        await eventually(
          "all nodes have it",
          async () => (await heldOn(sites, key)).every(Boolean) || undefined,
        );
        // As good as dead: nothing of it arrives any more.
        for (const { proxy } of sites.all) proxy.blackhole();
        sites.at(node).server.setClockOffset(step);
        const next = await two.locks.acquire(key, { wait: 10_000 });
        expect(lease.validFor).toBe(0);
        expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
        await next.release();
      });

      it("checkHealth names the node", async () => {
        const { backend } = await found(sites);
        sites.at(node).server.setClockOffset(step);
        const { verdict, findings } = await checkHealth(backend);
        const clocks = findings.filter(({ code }) => code === "clock");
        expect(clocks.map((finding) => finding.node)).toEqual([
          expect.stringContaining(String(sites.at(node).server.port)),
        ]);
        expect(verdict).not.toBe("healthy");
      });
    });
  });
}
