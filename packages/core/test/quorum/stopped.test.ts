import { fewOrMany } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { expectNothingLeftOn, found, type Member, useSites } from "../support/quorum-sites.ts";

const NODE_TIMEOUT = 100;
const sites = useSites(5);

describe("a node is stopped for longer than nodeTimeout, and goes on", () => {
  it.each([0, 4, 2].slice(0, fewOrMany(2, 3)))(
    "those who wait hear no error, and nothing is left: node %i",
    async (stopped) => {
      const options = { nodeTimeout: NODE_TIMEOUT };
      const members = [await found(sites, options), await sites.open(options), await sites.open(options)];
      const tokens = new Map<string, number[]>();
      const inside = new Map<string, number>();
      let isOver = false;
      const work = async ({ locks }: Member, name: number) => {
        for (let turn = 0; !isOver; turn++) {
          const key = `${stopped} ${(name + turn) % 2}`;
          const lease = await locks.acquire(key, { ttl: 10_000, wait: 30_000 });
          inside.set(key, (inside.get(key) ?? 0) + 1);
          expect(inside.get(key)).toBe(1);
          tokens.set(key, [...(tokens.get(key) ?? []), lease.fencingToken]);
          await new Promise((resume) => setImmediate(resume));
          inside.set(key, 0);
          expect(await lease.release()).toBe("released");
        }
      };
      const working = Promise.all(members.map(work));
      const { server } = sites.at(stopped);
      for (let times = 0; times < 3; times++) {
        server.pause();
        await granted(tokens, 20);
        await new Promise((resume) => setTimeout(resume, NODE_TIMEOUT * 3));
        server.resume();
        await granted(tokens, 20);
      }
      isOver = true;
      await working;
      for (const each of tokens.values()) expect(each).toEqual([...new Set(each)].sort((a, b) => a - b));
      await expectNothingLeftOn(sites);
    },
  );
});

/** Until so many more were granted: work goes on. */
async function granted(tokens: ReadonlyMap<string, readonly number[]>, more: number): Promise<void> {
  const count = () => [...tokens.values()].reduce((sum, each) => sum + each.length, 0);
  const before = count();
  await expect.poll(count, { timeout: 20_000 }).toBeGreaterThan(before + more);
}
