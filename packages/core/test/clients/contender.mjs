// One of two processes that contend for keys, each key on a client that was made with options of its user. Plain JavaScript
// on the built package, as a user's service would be. It sends a report for each, lets go of its own clients, and has to end
// by itself.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";

const libraries = {
  "ioredis 5": () => import("ioredis5"),
  "ioredis 6": () => import("ioredis"),
  iovalkey: () => import("iovalkey"),
  "node-redis 5": () => import("redis5"),
  "node-redis 6": () => import("redis"),
};

/** Long enough for a loaded machine; short enough that a lease that nobody renews is over long before it is looked at. */
const TTL = 2_000;
const TTLS = 2.5;
const TURNS = 4;
/** How long a turn is held until the other process waits. */
const PATIENCE = 5_000;
const LAST_PATIENCE = 200;

const { orders, closes } = JSON.parse(process.argv[2], revive);
const now = () => performance.timeOrigin + performance.now();

/** What JSON cannot say: `{ $gives: x }` is a function that gives x, `{ $global: "Buffer" }` a value of that name. */
function revive(_name, value) {
  if (value !== null && typeof value === "object" && "$gives" in value) return () => value.$gives;
  if (value !== null && typeof value === "object" && "$global" in value) return globalThis[value.$global];
  return value;
}

async function open({ client: library, url, options, by }) {
  const { Redis, createClient } = await libraries[library]();
  if (createClient === undefined) {
    const client = url === undefined ? new Redis(options) : new Redis(url, options);
    client.on("error", () => undefined);
    if (options.lazyConnect && options.enableOfflineQueue === false) await client.connect();
    // Without a queue, commands fail until it is ready.
    else if (options.enableOfflineQueue === false) await once(client, "ready");
    return { backend: ioredisBackend(client), letGo: () => client.disconnect() };
  }
  const made = await createClient({ url, ...options })
    .on("error", () => undefined)
    .connect();
  const client = by === undefined ? made : made[by.method](...by.args);
  return { backend: nodeRedisBackend(client), letGo: () => made.destroy() };
}

/** Waits for its turn, and hands the key over to the other one, which waits by then; at the end it may be done. */
async function takeTurn(locks, key, patience) {
  const lease = await locks.acquire(key, { ttl: 10_000, wait: 10_000 });
  const acquired = now();
  const isAwaited = async () => ((await locks.inspect(key))?.waiting ?? 0) > 0;
  let handsOver = await isAwaited();
  while (!handsOver && now() < acquired + patience) {
    // Not more often: so many ask at once that they would keep each other waiting.
    await sleep(30);
    handsOver = await isAwaited();
  }
  const released = now();
  await lease.release();
  return { acquired, released, handsOver };
}

/** From the last of its turns on this process only waits for what becomes of its leases: another pair may begin. */
const resting = new Set();
function rest(order) {
  resting.add(order);
  if (resting.size === orders.length) process.send("rests");
}

/** Contends for the key of one order; gives what lets go of its client. */
async function contend(order) {
  const { backend, letGo } = await open(order);
  const locks = createLocks({ backend, holder: `process ${process.pid}` });
  const { key } = order;
  const ownKey = `${key}:${process.pid}`;
  const own = await locks.acquire(ownKey, { ttl: TTL });
  const since = performance.now();
  const turns = [];
  for (let turn = 1; turn <= TURNS; turn++) {
    turns.push(await takeTurn(locks, key, turn === TURNS ? LAST_PATIENCE : PATIENCE));
  }
  rest(order);
  await sleep(Math.max(0, TTLS * TTL - (performance.now() - since)));
  const [holder] = (await locks.inspect(ownKey))?.holders ?? [];
  const isHeld = own.validFor > 0 && holder?.fencingToken === own.fencingToken;
  const lease = own.signal.aborted ? own.signal.reason.message : isHeld ? "held" : "held by nobody";
  await own.release();
  const closing = performance.now();
  if (closes) await locks.close();
  process.send({ key, turns, lease, closed: performance.now() - closing });
  return letGo;
}

const all = await Promise.all(
  orders.map((order) =>
    contend(order).catch((error) => {
      rest(order);
      process.send({ key: order.key, error: String(error?.stack ?? error) });
      return () => undefined;
    }),
  ),
);
for (const letGo of all) letGo();
