import { startRedis } from "@lock/redis-harness";
import { describe, expect, it } from "vitest";
import { createLocks, isLockError, type Locks } from "../src/index.ts";
import { libraries } from "./support/clients.ts";

/** Everything that locks do on a server; what it failed with. */
async function everything(locks: Locks): Promise<readonly string[]> {
  const told: string[] = [];
  const listen = locks.on("backendError", ({ error }) => told.push(error.message));
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (isLockError(error)) told.push(error.message);
      else throw error;
      return undefined;
    }
  };
  const lease = await attempt(() => locks.acquire("a", { wait: 0, ttl: 10_000 }));
  await attempt(() => locks.inspect("a"));
  await attempt(() => locks.acquire("a", { wait: 50 }));
  await attempt(async () => lease?.extend(20_000));
  await attempt(async () => lease?.release());
  const shared = await attempt(() => locks.readWrite("b").read.acquire({ wait: 0 }));
  await attempt(async () => shared?.extend());
  const adopted = await attempt(async () => shared && locks.adopt(shared.toTicket()));
  await attempt(async () => adopted?.release());
  const slots = locks.pool("c", { size: 2 });
  const slot = await attempt(() => slots.acquire({ slot: 2, wait: 0 }));
  await attempt(() => slots.acquire({ slot: 2, wait: 50 }));
  await attempt(async () => slot?.release());
  await attempt(() => locks.forceRelease("a"));
  await attempt(async () => {
    for await (const _ of locks.list());
  });
  listen();
  return told;
}

const needed = ["eval", "evalsha", "get", "set", "del", "exists", "time", "pttl", "zadd", "zrem", "zrange"];
const alsoNeeded = ["zscore", "zcard", "hget", "hset", "hdel", "type", "scan"];

describe.each(libraries)("$name", ({ connect }) => {
  it.each([...needed, ...alsoNeeded])("names the right that an ACL user lacks: +%s", async (command) => {
    await using server = await startRedis();
    const client = await connect(server.url);
    await client.command("ACL", "SETUSER", "default", `-${command}`);
    const locks = createLocks({ backend: client.backend() });
    const told = await everything(locks);
    expect(told.filter((text) => text.includes("NOPERM")).join("\n")).toMatch(
      new RegExp(`lacks (\\+\\w+ or )*\\+${command}\\b`),
    );
    await locks.close();
    client.close();
  });

  it.each([
    ["of a key", ["resetkeys", "~other:*"], /lacks ~<prefix>:\*/],
    ["of all commands but one", ["-@all", "+evalsha"], /lacks \+/],
  ] as const)("names the right %s that an ACL user lacks", async (_what, rights, lacking) => {
    await using server = await startRedis();
    const client = await connect(server.url);
    await client.command("ACL", "SETUSER", "default", ...rights);
    const locks = createLocks({ backend: client.backend() });
    expect((await everything(locks)).join("\n")).toMatch(lacking);
    await locks.close();
    client.close();
  });
});
