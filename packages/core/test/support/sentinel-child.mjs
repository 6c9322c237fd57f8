// A process that waits for a key by way of Sentinels, and closes everything when it is told to.
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";

const client = new Redis(JSON.parse(process.argv[2]));
client.on("error", () => undefined);
const locks = createLocks({ backend: ioredisBackend(client) });
const lease = await locks.acquire("key", { ttl: 60_000 });
const abort = new AbortController();
const waiting = locks.acquire("key", { wait: "forever", signal: abort.signal }).catch(() => undefined);
await locks.inspect("key");
process.send("waiting");
process.once("message", async () => {
  abort.abort();
  await waiting;
  await lease.release().catch(() => undefined);
  await locks.close();
  client.disconnect();
  process.send("closed");
  process.disconnect();
});
