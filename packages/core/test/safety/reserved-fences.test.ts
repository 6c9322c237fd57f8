import { describe, expect, it } from "vitest";
import { ask, granted, rival, useTwoBackends } from "../support/two-backends.ts";

const scene = useTwoBackends();

/**
 * The clock, by which fencing tokens are counted, too, is not there before ten seconds: a script that forgot some of them
 * would be found out.
 */
const MANY = 10_000_000;

/** What the next owner of the key gets. */
async function nextFence(held: ReturnType<typeof ask>): Promise<number> {
  const next = rival(held);
  const { fencingToken } = await granted(scene.two, next);
  await scene.two.release(next);
  return fencingToken;
}

describe("fencing tokens that are reserved for who waits together", () => {
  it("are behind those of the next owner", async () => {
    const held = ask({ waiters: MANY });
    const { fencingToken, lastFence = 0 } = await granted(scene.one, held);
    expect(lastFence).toBe(fencingToken + MANY - 1);
    await scene.one.release(held);
    expect(await nextFence(held)).toBeGreaterThan(lastFence);
  });

  it("by an extend are behind those of the grant, and before those of the next owner", async () => {
    const held = ask({ waiters: MANY });
    const { lastFence = 0 } = await granted(scene.one, held);
    const holder = { fence: undefined, heldFor: 0, reserve: MANY };
    const outcome = await scene.one.extend(held, held.ttl, { holder });
    const { first = 0, last = 0 } = (outcome.status === "renewed" && outcome.fences) || {};
    expect(first).toBe(lastFence + 1);
    expect(last).toBe(first + MANY - 1);
    await scene.one.release(held);
    expect(await nextFence(held)).toBeGreaterThan(last);
  });

  it("are given back by a release where no others were given out since", async () => {
    const held = ask({ waiters: MANY });
    const { fencingToken: used, lastFence: last = 0 } = await granted(scene.one, held);
    await scene.one.release(held, { fences: { used, last } });
    expect(await nextFence(held)).toBeLessThan(last);
  });

  it("are not given back where others were", async () => {
    const held = ask({ waiters: MANY });
    const { fencingToken: used, lastFence: last = 0 } = await granted(scene.one, held);
    const holder = { fence: used, heldFor: 0, reserve: MANY };
    await scene.one.extend(held, held.ttl, { holder });
    await scene.one.release(held, { fences: { used, last } });
    expect(await nextFence(held)).toBeGreaterThan(last);
  });
});
