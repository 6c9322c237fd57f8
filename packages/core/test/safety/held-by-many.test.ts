import { describe, expect, it } from "vitest";
import { lockKeys } from "../../src/backends/redis/keys.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { adopt, ask, granted, rival, useTwoBackends } from "../support/two-backends.ts";

/** Of what the server keeps, whatever client asks for it. */
const scene = useTwoBackends();

const pttl = async (key: string) => Number(await scene.admin.command("PTTL", key));

describe("a key that many hold", () => {
  const many = [{ kind: "shared" }, { kind: "permits", permits: 3 }] as const;

  it.each(many)("stays for as long as the longest of their leases: %o", async (mode) => {
    for (const ttls of [
      [300, 10_000],
      [10_000, 300],
    ]) {
      const first = ask({ mode, ttl: ttls[0] ?? 0 });
      const second = rival(first, { ttl: ttls[1] ?? 0 });
      await granted(scene.one, first);
      await granted(scene.two, second);
      const [lock, , , , holders] = lockKeys(first);
      for (const name of [lock, holders]) expect(await pttl(name)).toBeGreaterThan(5_000);
      const [brief, lasting] = first.ttl < second.ttl ? [first, second] : [second, first];
      await eventually("the end of one", async () =>
        (await scene.one.extend(brief, 1)).status === "lost" ? true : undefined,
      );
      expect((await scene.two.extend(lasting, 1)).status).toBe("renewed");
      expect((await scene.one.tryAcquire(rival(first, { mode: { kind: "exclusive" } }))).status).toBe("busy");
      await scene.two.release(lasting);
    }
  });

  it.each(many)("stays for as long as one of them was extended to: %o", async (mode) => {
    const first = ask({ mode, ttl: 400 });
    const second = rival(first);
    await granted(scene.one, first);
    await granted(scene.two, { ...second, ttl: 400 });
    expect((await scene.one.extend(first, 10_000)).status).toBe("renewed");
    const [lock, , , , holders] = lockKeys(first);
    for (const name of [lock, holders]) expect(await pttl(name)).toBeGreaterThan(5_000);
    await scene.one.release(first);
  });

  it.each(many)(
    "stays, when some leave, for as long as the longest of those who are left: %o",
    async (mode) => {
      const brief = ask({ mode, ttl: 3_000 });
      const [middle, longest] = [rival(brief, { ttl: 8_000 }), rival(brief, { ttl: 20_000 })];
      for (const request of [brief, middle, longest]) await granted(scene.one, request);
      const [lock, , , , holders] = lockKeys(brief);
      await scene.one.release(middle);
      for (const name of [lock, holders]) expect(await pttl(name)).toBeGreaterThan(15_000);
      await scene.one.release(longest);
      for (const name of [lock, holders]) expect(await pttl(name)).toBeLessThanOrEqual(3_000);
      await scene.one.release(brief);
    },
  );

  it.each(many)("stays for as long as one of them is kept after its release: %o", async (mode) => {
    const held = ask({ mode, ttl: 3_000 });
    await granted(scene.one, held);
    expect(await scene.one.release(held, { after: 20_000 })).toBe("released");
    const [lock, , , , holders] = lockKeys(held);
    for (const name of [lock, holders]) expect(await pttl(name)).toBeGreaterThan(15_000);
    await scene.one.release(held);
  });
});

describe("an adopted lease", () => {
  const modes = [{ kind: "exclusive" }, { kind: "shared" }, { kind: "permits", permits: 3 }] as const;

  it.each(modes)("lasts for as long as its new owner is told, and no less than before: %o", async (mode) => {
    for (const ttl of [20_000, 1_000]) {
      const held = ask({ mode, ttl: 8_000 });
      const { fencingToken } = await granted(scene.one, held);
      const adopter = rival(held, { ttl });
      const adopted = await adopt(scene.two, adopter, held, fencingToken);
      if (adopted.status !== "renewed") throw new Error(adopted.reason);
      expect(adopted.ttl).toBeGreaterThan(Math.max(ttl - 1, 5_000));
      const [lock, , , , holders] = lockKeys(held);
      for (const name of mode.kind === "exclusive" ? [lock] : [lock, holders]) {
        expect(await pttl(name)).toBeGreaterThan(adopted.ttl - 2_000);
      }
      await scene.two.release(adopter);
    }
  });

  it.each(modes.slice(1))("does not end those of others with it: %o", async (mode) => {
    const held = ask({ mode, ttl: 3_000 });
    const { fencingToken } = await granted(scene.one, held);
    const lasting = rival(held, { ttl: 20_000 });
    await granted(scene.one, lasting);
    const adopter = rival(held);
    await adopt(scene.two, adopter, held, fencingToken);
    const [lock, , , , holders] = lockKeys(held);
    for (const name of [lock, holders]) expect(await pttl(name)).toBeGreaterThan(15_000);
    for (const request of [adopter, lasting]) await scene.two.release(request);
  });
});
