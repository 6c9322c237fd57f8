import { setTimeout as sleep } from "node:timers/promises";
import { startFaultyProxy, startRedisNodes } from "@lock/redis-harness";
import { quantile } from "../stats.ts";
import { type Contestant, contestants, type Session } from "./contestants.ts";

const BLOCKS = 20;
const PAIRS = 100;
const CONTENDERS = 3;
const ROUNDS = 200;
const HOLD = 10;
const BLACK_HOLED = 2;
const NODE_TIMEOUT = 250;

interface Row {
  readonly name: string;
  readonly times: number[];
  failed: number;
}

const rowsOf = (chosen: readonly Contestant[]): Row[] =>
  chosen.map(({ name }) => ({ name, times: [], failed: 0 }));

const show = ({ name, times, failed }: Row) => ({
  name,
  "p50, ms": quantile(times, 0.5).toFixed(2),
  "p99, ms": quantile(times, 0.99).toFixed(2),
  "longest, ms": Math.max(...times).toFixed(1),
  failed,
});

async function openAll<T>(urls: readonly string[], work: (sessions: readonly Session[]) => Promise<T>) {
  const sessions = await Promise.all(contestants.map((contestant) => contestant.open(urls)));
  try {
    return await work(sessions);
  } finally {
    for (const session of sessions) await session.close();
  }
}

let keys = 0;

/** How long it takes to acquire and release free keys, one after the other; blocks take turns. */
async function sequential(urls: readonly string[]): Promise<Row[]> {
  const rows = rowsOf(contestants);
  await openAll(urls, async (sessions) => {
    for (let block = -2; block < BLOCKS; block++) {
      for (const [index, session] of sessions.entries()) {
        for (let pair = 0; pair < PAIRS; pair++) {
          const start = performance.now();
          const release = await session.acquire(`bench:${keys++}`);
          await release();
          if (block >= 0) rows[index]?.times.push(performance.now() - start);
        }
      }
    }
  });
  return rows;
}

/** How long each of those waits who want one key at one moment and hold it for a while. */
async function contended(urls: readonly string[]): Promise<Row[]> {
  const rows = rowsOf(contestants);
  for (const [index, contestant] of contestants.entries()) {
    const sessions = await Promise.all(Array.from({ length: CONTENDERS }, () => contestant.open(urls)));
    const row = rows[index];
    for (let round = 0; round < ROUNDS; round++) {
      const key = `contended:${keys++}`;
      const start = performance.now();
      const contend = async (session: Session) => {
        try {
          const release = await session.acquire(key);
          row?.times.push(performance.now() - start);
          await sleep(HOLD);
          await release();
        } catch {
          if (row !== undefined) row.failed += 1;
        }
      };
      await Promise.all(sessions.map(contend));
    }
    for (const session of sessions) await session.close();
  }
  return rows;
}

/** The same as `sequential`, with some nodes that swallow all that is sent to them. */
async function blackHoled(
  ports: readonly { readonly host: string; readonly port: number }[],
): Promise<Row[]> {
  const proxies = await Promise.all(ports.map((target) => startFaultyProxy(target)));
  const rows = rowsOf(contestants).slice(0, 1);
  try {
    const session = await contestants[0]?.open(proxies.map(({ url }) => url));
    if (session === undefined) return rows;
    for (let pair = 0; pair < PAIRS; pair++) await (await session.acquire(`warm:${pair}`))();
    for (const proxy of proxies.slice(0, BLACK_HOLED)) proxy.blackhole();
    for (let pair = 0; pair < BLOCKS * PAIRS; pair++) {
      const start = performance.now();
      const release = await session.acquire(`away:${keys++}`);
      rows[0]?.times.push(performance.now() - start);
      await release();
    }
    await session.close();
  } finally {
    for (const proxy of proxies) await proxy.stop();
  }
  return rows;
}

const ours = (rows: readonly Row[]): Row => rows[0] ?? { name: "", times: [], failed: 0 };

function isFastest(rows: readonly Row[], share: number): boolean {
  const [first = Number.NaN, ...others] = rows.map(({ times }) => quantile(times, share));
  return others.every((other) => first < other);
}

const say = (isMet: boolean, what: string) => console.log(`${isMet ? "met" : "NOT met"}: ${what}`);

for (const { name, settings } of contestants) console.log(`${name}: ${settings}`);
await using cluster = await startRedisNodes(5);
const urls = cluster.nodes.map(({ url }) => url);

console.log(`\nA free key on 5 nodes, acquire and release, ${BLOCKS * PAIRS} times:`);
const free = await sequential(urls);
console.table(free.map(show));
say(isFastest(free, 0.5), "p50 below the others'");
say(isFastest(free, 0.99), "p99 below the others'");

console.log(
  `\n${CONTENDERS} contenders for one key on 3 nodes, held ${HOLD} ms, ${ROUNDS} rounds; how long they wait:`,
);
const contention = await contended(urls.slice(0, 3));
console.table(contention.map(show));
say(ours(contention).failed === 0, "everybody is served");
say(quantile(ours(contention).times, 0.5) <= 2 * HOLD, `median wait at most ${2 * HOLD} ms`);

console.log(`\n${BLACK_HOLED} of 5 nodes black-holed, to acquire a free key:`);
const away = await blackHoled(cluster.nodes);
console.table(away.map(show));
say(
  ours(away).failed === 0 && Math.max(...ours(away).times) <= NODE_TIMEOUT + 2 * 25,
  `every acquire within nodeTimeout (${NODE_TIMEOUT} ms) and two round trips`,
);
