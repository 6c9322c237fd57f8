import { startRedis } from "@lock/redis-harness";
import { newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { createLocks } from "../src/index.ts";
import { eventually } from "../src/testing/test-api.ts";
import { libraries } from "./support/clients.ts";
import { WAYS } from "./support/ways-to-a-grant.ts";

describe.concurrent.each(newestOrOlder(libraries))("fencing tokens with $name", ({ connect }) => {
  it("grow over release, expiry, force, SCRIPT FLUSH, FLUSHALL, a lost counter and a server restart", async () => {
    await using server = await startRedis();
    const client = await connect(server.url);
    const locks = createLocks({ backend: client.backend({ requestTimeout: 500 }) });
    const fences: number[] = [];
    const grant = async () => {
      const lease = await eventually("a lease", () => locks.acquire("key").catch(() => undefined));
      fences.push(lease.fencingToken);
      return lease;
    };

    await (await grant()).release();
    await (await grant()).release();
    const expiring = await locks.acquire("key", { ttl: 20, renew: false });
    fences.push(expiring.fencingToken);
    await grant();
    await locks.forceRelease("key");
    await client.command("SCRIPT", "FLUSH");
    await grant();
    await client.command("FLUSHALL");
    await (await grant()).release();
    await client.command("DEL", "lock:{key}:fence");
    await (await grant()).release();
    await server.kill();
    await server.restart({ empty: true });
    await (await grant()).release();

    expect(fences).toHaveLength(8);
    for (const [index, fence] of fences.entries()) expect(fence).toBeGreaterThan(fences[index - 1] ?? 0);
    await locks.close();
    client.close();
  });

  it("grow although the server's clock stepped back, as long as the counter is kept", async () => {
    await using server = await startRedis();
    const client = await connect(server.url);
    const locks = createLocks({ backend: client.backend({ fenceRetention: 60_000 }) });
    const hourAhead = (Date.now() + 3_600_000) * 1_000;
    await client.command("SET", "lock:{key}:fence", String(hourAhead), "PX", "60000");
    expect(await locks.using("key", (lease) => lease.fencingToken)).toBe(hourAhead + 1);
    expect(await locks.using("key", (lease) => lease.fencingToken)).toBe(hourAhead + 2);
    expect(Number(await client.command("PTTL", "lock:{key}:fence"))).toBeGreaterThan(50_000);
    await locks.close();
    client.close();
  });

  it("grow after a step of the server's clock by whatever way a key is granted", async () => {
    await using server = await startRedis();
    const client = await connect(server.url);
    const locks = createLocks({ backend: client.backend() });
    const hourAhead = (Date.now() + 3_600_000) * 1_000;
    for (const [title, grant] of Object.entries(WAYS)) {
      const key = `key ${title}`;
      await client.command("SET", `lock:{${key}}:fence`, String(hourAhead), "PX", "60000");
      const fences = [await grant(locks, key), await grant(locks, key)];
      expect(fences[0], title).toBeGreaterThan(hourAhead);
      expect(fences[1], title).toBeGreaterThan(fences[0] ?? 0);
    }
    await locks.close();
    client.close();
  });
});
