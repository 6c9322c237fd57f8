import { describe, expect, it } from "vitest";
import { KEY, OPTIONS, useCrowds } from "./support/crowd.ts";

const scene = useCrowds();

describe("a listener", () => {
  it("of acquired may abort the signal of that acquire: its caller has the lease", async () => {
    const ended = new AbortController();
    const first = scene.crowd(1, { ...OPTIONS, signal: ended.signal });
    const second = scene.crowd(1);
    scene.locks.on("acquired", () => ended.abort());
    await (await scene.theLease(first, 0)).release();
    await (await scene.theLease(second, 0)).release();
    expect(await scene.rivals.inspect(KEY)).toBeNull();
    await scene.locks.close();
    expect(scene.clock.pending).toBe(0);
  });

  it("of acquired may end those who wait behind it", async () => {
    const ended = new AbortController();
    const first = scene.crowd(1);
    const second = scene.crowd(1, { ...OPTIONS, signal: ended.signal });
    const third = scene.crowd(1);
    scene.locks.on("acquired", () => ended.abort());
    await (await scene.theLease(first, 0)).release();
    await (await scene.theLease(third, 0)).release();
    expect(second.errors.size).toBe(1);
    expect(await scene.rivals.inspect(KEY)).toBeNull();
  });

  it.each(["abort", "close"])("of released may end the last one who waits: %s", async (how) => {
    const ended = new AbortController();
    const first = scene.crowd(1);
    scene.crowd(1, { ...OPTIONS, signal: ended.signal });
    scene.locks.on("released", () => (how === "abort" ? ended.abort() : void scene.locks.close()));
    expect(await (await scene.theLease(first, 0)).release()).toBe("released");
    await scene.clock.advance(0);
    expect(await scene.rivals.inspect(KEY)).toBeNull();
    await scene.locks.close();
    expect(scene.clock.pending).toBe(0);
  });

  it("of failed may end others: each waiter is told once, and none that wants to wait", async () => {
    const ended = new AbortController();
    scene.backend.fail("tryAcquire", undefined, 1_000);
    const short = scene.crowd(1, { ...OPTIONS, wait: 1 });
    const aborted = scene.crowd(1, { ...OPTIONS, wait: 1, signal: ended.signal });
    const patient = scene.crowd(1);
    scene.locks.on("failed", () => ended.abort());
    await scene.clock.advance(5);
    expect([short.errors.size, aborted.errors.size, patient.errors.size]).toEqual([1, 1, 0]);
    scene.backend.heal();
    await scene.clock.advance(2_000);
    await (await scene.theLease(patient, 0)).release();
    expect(await scene.rivals.inspect(KEY)).toBeNull();
  });

  it("of contended may abort the acquire, which does not wait then", async () => {
    const ended = new AbortController();
    const names: string[] = [];
    await scene.rivals.acquire(KEY);
    for (const name of ["contended", "waiting", "aborted"] as const)
      scene.locks.on(name, () => names.push(name));
    scene.locks.on("contended", () => ended.abort());
    scene.crowd(1, { ...OPTIONS, signal: ended.signal });
    await scene.clock.advance(0);
    expect(names).toEqual(["contended", "aborted"]);
  });
});

describe.each(["abort", "close"])("an acquire that is ended while its grant is on its way: %s", (how) => {
  it.each(Array.from({ length: 16 }, (_, turn) => turn))("frees the key, %i turns later", async (turns) => {
    const ended = new AbortController();
    const { leases, errors } = scene.crowd(1, { ...OPTIONS, signal: ended.signal });
    for (let turn = 0; turn < turns; turn++) await undefined;
    if (how === "abort") ended.abort();
    else void scene.locks.close();
    await scene.clock.advance(0);
    expect(leases.size + errors.size).toBe(1);
    await leases.get(0)?.release();
    expect(await scene.rivals.inspect(KEY)).toBeNull();
    await scene.locks.close();
    expect(scene.clock.pending).toBe(0);
  });
});
