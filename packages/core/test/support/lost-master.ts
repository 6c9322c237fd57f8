import { expect } from "vitest";
import { createLocks, isLockError, type Locks } from "../../src/index.ts";
import { type Library, libraries, type TestClient } from "./clients.ts";
import { FencedRegister } from "./fenced-register.ts";

/** Two processes with the same client library. */
export interface Pair extends Pick<Library, "name" | "family"> {
  readonly clients: readonly [TestClient, TestClient];
  /** With a prefix of their own, so that locks of one key are different ones and yet on the same server. */
  locks(prefix: string): readonly [Locks, Locks];
  close(): Promise<void>;
}

export function openPairs(connect: (library: Library) => Promise<TestClient>): Promise<Pair[]> {
  return Promise.all(
    libraries.map(async (library): Promise<Pair> => {
      const clients = await Promise.all([connect(library), connect(library)]);
      const [one, two] = [clients[0].backend(), clients[1].backend()];
      const opened: Locks[] = [];
      const locks = (prefix: string): [Locks, Locks] => {
        const own = `${library.name.replace(" ", "-")}-${prefix}`;
        const both: [Locks, Locks] = [
          createLocks({ backend: one, prefix: own }),
          createLocks({ backend: two, prefix: own }),
        ];
        opened.push(...both);
        return both;
      };
      const close = async () => {
        await Promise.all(opened.map((each) => each.close()));
        for (const client of clients) client.close();
      };
      return { name: library.name, family: library.family, clients, locks, close };
    }),
  );
}

/** What a failover did to one pair. Durations are milliseconds. */
export interface Survival extends Pick<Library, "name" | "family"> {
  /** From the death of the master to the next grant of a key. */
  readonly outage: number;
  /** From a release after the failover to the grant to one that has waited since before it. */
  readonly wake: number;
  readonly staleWritesTaken: number;
}

/** Runs work whose writes the next master does not know, and kills the master. */
export type LoseMaster = (work: () => Promise<void>) => Promise<void>;

/**
 * Each pair has a holder and a waiter of one lock, which the next master knows, and the holder of another lock, which it
 * does not: that one has lost it and believes in it still.
 */
export async function surviveLoss(
  pairs: readonly Pair[],
  key: string,
  lose: LoseMaster,
): Promise<Survival[]> {
  const scenes = await Promise.all(pairs.map((pair) => prepare(pair, key)));
  let died = 0;
  await lose(async () => {
    await Promise.all(scenes.map((scene) => scene.takeTheLost()));
    died = performance.now();
  });
  return Promise.all(scenes.map((scene) => scene.getOn(died)));
}

async function prepare({ name, family, clients, locks }: Pair, key: string) {
  const [one, two] = locks("known");
  const [stale, next] = locks("lost");
  const held = await one.acquire(key, { ttl: 60_000 });
  const waiting = two.acquire(key, { wait: 60_000 });
  await expect.poll(async () => (await one.inspect(key))?.waiting).toBe(1);
  for (const { driver } of clients) {
    // A write on this connection, and then until a replica has it.
    await driver.eval("return redis.call('SET', KEYS[1], '', 'PX', 60000)", [`{${key}}`], []);
    expect(Number(await driver.command(["WAIT", "1", "5000"], `{${key}}`))).toBeGreaterThan(0);
  }
  let believed = await stale.acquire(key);
  await believed.release();

  const takeTheLost = async () => {
    believed = await stale.acquire(key, { ttl: 60_000, wait: 0 });
  };

  const getOn = async (died: number): Promise<Survival> => {
    const register = new FencedRegister();
    const lease = await next.acquire(key, { wait: 60_000 });
    const outage = performance.now() - died;
    expect(register.write(lease.fencingToken)).toBe(true);
    // He does not know yet.
    expect(believed.validFor).toBeGreaterThan(0);
    const staleWritesTaken = register.write(believed.fencingToken) ? 1 : 0;
    // An extend by hand tells a lost connection to its caller, too.
    await expect.poll(() => believed.extend().catch(codeOf)).toBe("LOCK_LOST");
    await lease.release();

    const released = performance.now();
    expect(await held.release()).toBe("released");
    await (await waiting).release();
    return { name, family, outage, wake: performance.now() - released, staleWritesTaken };
  };
  return { takeTheLost, getOn };
}

function codeOf(error: unknown): unknown {
  return isLockError(error) ? error.code : error;
}

/** The worst of many, for a person to read. */
export function report(title: string, survivals: readonly Survival[]): void {
  const rows = libraries.map(({ name }) => {
    const own = survivals.filter((each) => each.name === name);
    const worst = (field: "outage" | "wake") => Math.round(Math.max(...own.map((each) => each[field])));
    const stale = own.reduce((sum, { staleWritesTaken }) => sum + staleWritesTaken, 0);
    return `${name}: ${own.length} failovers, outage <= ${worst("outage")} ms, wake <= ${worst("wake")} ms, stale writes ${stale}`;
  });
  console.log([title, ...rows].join("\n  "));
}
