import { type RedisServer, startRedis } from "@lock/redis-harness";
import { fewOrMany } from "@lock/redis-harness/vitest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockKey } from "../../src/backends/redis/keys.ts";
import { createLocks, type Lease, type Lockable, type Locks } from "../../src/index.ts";
import { ioredis6, nodeRedis6, type TestClient } from "../support/clients.ts";
import { SteppedClock } from "../support/stepped-clock.ts";

const LIVES = fewOrMany(100, 10_000);
const WAIT = 1_000;
const TTL = 4_000;
/** How late an acquire may settle. */
const SLACK = 1_000;

const ways: readonly ((locks: Locks, key: string) => Lockable)[] = [
  (locks, key) => locks.readWrite(key).write,
  (locks, key) => locks.readWrite(`${key} read`).read,
  (locks, key) => locks.semaphore(`${key} permits`, { permits: 2 }),
  (locks, key) => locks.readWrite([`${key} one`, `${key} two`]).write,
];

const steps = [-3_600_000, -5_000, 5_000, 3_600_000];

interface Clocks {
  readonly clock: SteppedClock;
  readonly server: RedisServer;
}

/** How clocks are set, time after time. */
const settings: readonly (readonly [
  whose: string,
  steps: readonly number[],
  set: (clocks: Clocks, step: number, turn: number) => void,
])[] = [
  ["the wall clock of the client", steps, ({ clock }, step, turn) => clock.step(isBack(turn) ? -step : step)],
  [
    "the wall clock of the server",
    steps,
    ({ server }, step, turn) => server.setClockOffset(isBack(turn) ? 0 : step),
  ],
  [
    // While a machine is suspended, its monotonic clock stands still; its wall clock and the server go on.
    "all but the monotonic clock of a client that is suspended",
    [5_000, 3_600_000],
    ({ clock, server }, step, turn) => {
      server.setClockOffset(turn * step);
      clock.step(step);
    },
  ],
];

function isBack(turn: number): boolean {
  return turn % 2 === 0;
}

// One after the other for each setting: they share what is opened for each.
describe.concurrent.each(settings)("%s", (_, jumps, set) => {
  let server: RedisServer;
  let clients: TestClient[];
  let sites: Locks[];
  let clock: SteppedClock;

  beforeEach(async () => {
    server = await startRedis({ clockOffset: 0 });
    clock = new SteppedClock();
    clients = [await ioredis6.connect(server.url), await nodeRedis6.connect(server.url)];
    // Only one of them has the clock that is set.
    sites = clients.map((client, index) =>
      createLocks({ backend: client.backend(index === 0 ? { clock } : {}) }),
    );
  });
  afterEach(async () => {
    await Promise.all(sites.map((locks) => locks.close()));
    for (const client of clients) client.close();
    await server.stop();
  });

  it.sequential.each(jumps)(
    "may be set by %i ms at any moment: nobody waits longer for it, and nothing stays busy",
    async (step) => {
      let left = LIVES;
      const told = { late: 0, invalid: 0, stuck: 0, granted: 0, lost: 0 };
      /** The last grant of each owner token: a process may pass a key on under it. */
      const latest = new Map<string, Lease>();
      const check = (lease: Lease) => {
        if (lease.validFor < 0 || lease.validFor > TTL) told.invalid += 1;
      };
      const isHeldBy = async (lease: Lease): Promise<boolean> => {
        const [admin] = clients;
        const states = await Promise.all(
          lease.keys.map((key) => admin?.command("GET", lockKey({ prefix: "lock", key })).catch(() => "")),
        );
        return states.some((state) => String(state).startsWith(lease.token));
      };
      const isStuck = async (lease: Lease): Promise<boolean> => {
        for (let turn = 0; turn < 100; turn++) {
          if (latest.get(lease.token) !== lease || !(await isHeldBy(lease))) return false;
          await new Promise((resume) => setTimeout(resume, 10));
        }
        return true;
      };
      const live = async (locks: Locks, key: string, way: (typeof ways)[number]) => {
        const start = performance.now();
        const lease = await way(locks, key)
          .acquire({ wait: WAIT, ttl: TTL })
          .catch(() => undefined);
        if (performance.now() - start > WAIT + SLACK) told.late += 1;
        if (lease === undefined) return;
        told.granted += 1;
        latest.set(lease.token, lease);
        check(lease);
        await new Promise((resume) => setTimeout(resume, Math.random() * 4));
        check(lease);
        if (Math.random() < 0.1) await lease.extend().catch(() => undefined);
        check(lease);
        if ((await lease.release()) === "expired") told.lost += 1;
        else if (await isStuck(lease)) told.stuck += 1;
      };
      const worker = async (index: number) => {
        for (let turn = index; left-- > 0; turn++) {
          const locks = sites[turn % 2];
          const way = ways[Math.floor(turn / 2) % ways.length];
          if (locks !== undefined && way !== undefined) await live(locks, `key ${turn % 3}`, way);
        }
      };
      let isOver = false;
      const stepping = (async () => {
        for (let turn = 1; !isOver; turn++) {
          await new Promise((resume) => setTimeout(resume, 20 + Math.random() * 200));
          set({ clock, server }, step, turn);
        }
      })();
      await Promise.all(Array.from({ length: 8 }, (_, index) => worker(index)));
      isOver = true;
      await stepping;
      expect(told).toMatchObject({ late: 0, invalid: 0, stuck: 0 });
      // Most of them were served all the same.
      expect(told.granted).toBeGreaterThan(LIVES / 2);
    },
  );
});
