import { startRedis } from "@lock/redis-harness";
import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { createLocks, isLockError, type Locks } from "../src/index.ts";
import { type Library, libraries } from "./support/clients.ts";

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

const redis = useRedis();
let users = 0;

/** What locks tell of which an ACL user has fewer rights than all, on a server that others use as well. */
async function toldWithout(
  { connect }: Library,
  rights: readonly string[],
  url = redis.url,
): Promise<readonly string[]> {
  const user = `user-${users++}`;
  const admin = await connect(url);
  await admin.command("ACL", "SETUSER", user, "on", ">secret", "~*", "&*", "+@all");
  const client = await connect(url.replace("redis://", `redis://${user}:secret@`));
  // A client needs more of them to connect.
  await admin.command("ACL", "SETUSER", user, ...rights);
  const locks = createLocks({ backend: client.backend(), prefix: user });
  const told = await everything(locks);
  await locks.close();
  for (const each of [client, admin]) each.close();
  return told;
}

describe.concurrent.each(newestOrOlder(libraries))("$name", (library) => {
  it.each([...needed, ...alsoNeeded])("names the right that an ACL user lacks: +%s", async (command) => {
    // Where others have been, the scripts are known by their hash.
    await using unknowing = command === "eval" ? await startRedis() : undefined;
    const told = await toldWithout(library, [`-${command}`], unknowing?.url);
    expect(told.filter((text) => text.includes("NOPERM")).join("\n")).toMatch(
      new RegExp(`lacks (\\+\\w+ or )*\\+${command}\\b`),
    );
  });

  it.each([
    ["of a key", ["resetkeys", "~other:*"], /lacks ~<prefix>:\*/],
    ["of all commands but one", ["-@all", "+evalsha"], /lacks \+/],
  ] as const)("names the right %s that an ACL user lacks", async (_what, rights, lacking) => {
    expect((await toldWithout(library, rights)).join("\n")).toMatch(lacking);
  });
});
