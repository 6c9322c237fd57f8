import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLocks } from "../src/index.ts";
import { libraries } from "./support/clients.ts";

const redis = useRedis();

let warnings: (Error & { code?: string })[] = [];
const hear = (warning: Error) => void warnings.push(warning);
beforeEach(() => {
  warnings = [];
  process.on("warning", hear);
});
afterEach(() => void process.off("warning", hear));

/** A warning comes with the next tick. */
const told = () => warnings.filter(({ code }) => code === "LOCK_CLIENT_CLOSED_FIRST");

describe.each(newestOrOlder(libraries))("$name", ({ name, connect }) => {
  it("says so, once, when the client was closed before its locks, which hold something", async () => {
    const client = await connect(redis.url);
    const locks = createLocks({ backend: client.backend() });
    await Promise.all(["a", "b", "c"].map((key) => locks.acquire(`${name} ${key}`, { ttl: 1_000 })));
    client.close();
    await locks.close();
    await expect.poll(told).toHaveLength(1);
    expect(told()[0]?.message).toMatch(/locks\.close\(\) first/);
  });

  it("says nothing when the locks are closed first, or hold nothing", async () => {
    const client = await connect(redis.url);
    const locks = createLocks({ backend: client.backend() });
    const idle = createLocks({ backend: client.backend() });
    await locks.acquire(`${name} d`);
    await locks.close();
    client.close();
    await idle.close();
    await new Promise(setImmediate);
    expect(told()).toEqual([]);
  });
});
