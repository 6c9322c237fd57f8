import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { lockMemory } from "@lock/memory";
import { redisMemory } from "@lock/memory/redis";
import { startRedis } from "@lock/redis-harness";
import { Redis } from "ioredis";
import { median } from "../stats.ts";

const ROUNDS = 100;
const MOST_TO_ABORT = 100;

/** What is measured of one process on one conversation. */
function openMemory(client: Redis, sessionId: string) {
  const locks = createLocks({ backend: ioredisBackend(client) });
  const store = redisMemory(client, { sessionId, unfenced: "allow" });
  const memory = lockMemory(store, { locks, sessionId, onConcurrentTurn: "interrupt" });
  return { locks, store, memory };
}

type Opened = ReturnType<typeof openMemory>;

/** From the call of a newcomer until the holder's signal aborts, and until the newcomer has the session. */
async function interrupt(holder: Opened, newcomer: Opened) {
  let began = () => {};
  const hasBegun = new Promise<void>((resolve) => {
    began = resolve;
  });
  let aborted = 0;
  const held = holder.memory.withTurn(async ({ signal }) => {
    began();
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    aborted = performance.now();
  });
  await hasBegun;
  const start = performance.now();
  const tookOver = await newcomer.memory.withTurn(() => performance.now());
  await held;
  return { aborted: aborted - start, tookOver: tookOver - start };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** A turn that loads and saves. */
async function converse({ store }: Pick<Opened, "store">): Promise<void> {
  await store.getMessages(10);
  await store.append({ role: "user", content: "hello" });
}

await using redis = await startRedis();
const clients = [new Redis(redis.url), new Redis(redis.url)] as const;
const [one, two] = [openMemory(clients[0], "chat"), openMemory(clients[1], "chat")];
try {
  // The first of each opens its connection for messages.
  await interrupt(one, two);
  await interrupt(two, one);
  const interrupts = [];
  for (let round = 0; round < ROUNDS; round++) interrupts.push(await interrupt(one, two));
  const aborted = interrupts.map((times) => times.aborted);
  const tookOver = interrupts.map((times) => times.tookOver);
  const turns: number[] = [];
  const plain: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    turns.push(await timed(() => one.memory.withTurn(() => converse(one))));
    plain.push(await timed(() => converse(one)));
  }
  const row = (what: string, times: number[]) => ({
    what,
    "median, ms": median(times).toFixed(2),
    "longest, ms": Math.max(...times).toFixed(2),
  });
  console.table([
    row("interrupt: the holder's signal aborts", aborted),
    row("interrupt: the newcomer has the session", tookOver),
    row("a turn that loads and saves", turns),
    row("the same without a turn", plain),
  ]);
  const isMet = Math.max(...aborted) <= MOST_TO_ABORT;
  console.log(
    `${isMet ? "met" : "NOT met"}: of ${ROUNDS} interrupts, each aborts within ${MOST_TO_ABORT} ms`,
  );
} finally {
  await Promise.all([one.locks.close(), two.locks.close()]);
  for (const client of clients) client.disconnect();
}
