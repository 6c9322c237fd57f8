import { setTimeout as pause } from "node:timers/promises";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { lockMemory } from "@lock/memory";
import { redisMemory } from "@lock/memory/redis";
import { Redis } from "ioredis";
import { createClient } from "redis";

/**
 * An agent: takes turns in all sessions at once, and tells its parent what it believes to have saved. A turn that it lost
 * it saves behind the lock's back as well: the store has to refuse that.
 */
const [url = "", library = "", name = "", sessions = "", turns = "", fateful = ""] = process.argv.slice(2);
const client = library === "ioredis" ? new Redis(url) : await createClient({ url }).connect();
const backend = library === "ioredis" ? ioredisBackend(client) : nodeRedisBackend(client);
const locks = createLocks({ backend });

async function takeTurns(sessionId) {
  const store = redisMemory(client, { sessionId });
  const memory = lockMemory(store, { locks, sessionId, ttl: 1_500, wait: "forever" });
  for (let turn = 0; turn < Number(turns); turn++)
    await takeTurn(store, memory, `${name}/${sessionId}/${turn}`);
}

async function takeTurn(store, memory, id) {
  let token = 0;
  const message = (role, seen) => ({ role, content: JSON.stringify({ turn: id, token, seen }) });
  try {
    await memory.withTurn(async (turn) => {
      token = turn.fencingToken;
      const seen = (await memory.getMessages()).length;
      await pause(Math.random() * 10);
      if (Math.random() < 0.5 && id !== fateful) {
        await memory.append([message("user", seen), message("assistant", seen)]);
        return;
      }
      await memory.append(message("user", seen));
      process.send?.({ half: id });
      if (id === fateful) await new Promise((resolve) => process.once("message", resolve));
      await pause(Math.random() * 20);
      await memory.append(message("assistant", seen));
    });
    process.send?.({ saved: id });
  } catch (error) {
    // Paused between looking at its lease and writing, it is the store that tells.
    if (error.code !== "LOCK_LOST" && error.code !== "STALE_WRITE") throw error;
    // As a writer would that does not look at its lease.
    const outcome = await store.append(message("stale", -1), { fencingToken: token }).then(
      () => "stored",
      (refused) => refused.code,
    );
    process.send?.({ lost: id, outcome });
  }
}

process.once("disconnect", () => process.exit());
await Promise.all(JSON.parse(sessions).map(takeTurns));
process.send?.({ over: true });
await locks.close();
