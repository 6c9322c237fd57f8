import { fewOrMany } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";
import { type Clock, systemClock } from "../../src/contract/clock.ts";
import { createLocks, type LocksWithoutPermits } from "../../src/index.ts";
import { quorumBackend } from "../../src/quorum.ts";
import { ioredis6 } from "../support/clients.ts";
import { expectNothingLeftOn, found, type Member, useSites } from "../support/quorum-sites.ts";

const ROUNDS = fewOrMany(15, 300);
const sites = useSites(3);

/** A process on a machine whose wall clock is off by so many milliseconds. */
async function openOff(by: number): Promise<{ locks: LocksWithoutPermits; close(): Promise<void> }> {
  const clients = await Promise.all(sites.all.map(({ server }) => ioredis6.connect(server.url)));
  const clock: Clock = {
    now: () => ({ ...systemClock.now(), wall: systemClock.now().wall + by }),
    setTimer: systemClock.setTimer,
    afterReads: systemClock.afterReads,
  };
  const backend = quorumBackend(clients.map((client) => client.backend({ clock })));
  const locks = createLocks({ backend });
  const close = async () => {
    await locks.close();
    for (const client of clients) client.close();
  };
  return { locks, close };
}

it(`3 processes want one key at once, ${ROUNDS} times: each is served, one at a time, with growing tokens`, async () => {
  const members = [await found(sites), await sites.open(), await sites.open()];
  const tokens: number[] = [];
  let inside = 0;
  const work = async ({ locks }: Member) => {
    const lease = await locks.acquire("wanted", { wait: 20_000 });
    inside += 1;
    expect(inside).toBe(1);
    tokens.push(lease.fencingToken);
    await new Promise((resume) => setImmediate(resume));
    inside -= 1;
    expect(await lease.release()).toBe("released");
  };
  for (let round = 0; round < ROUNDS; round++) await Promise.all(members.map(work));
  expect(tokens).toHaveLength(3 * ROUNDS);
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  await expectNothingLeftOn(sites);
});

it("tokens grow also between processes whose clocks are two hours apart", async () => {
  await found(sites);
  const processes = [await openOff(-3_600_000), await openOff(0), await openOff(3_600_000)];
  const tokens: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    for (const { locks } of [...processes, ...processes.toReversed()]) {
      await locks.using("told apart", (lease) => tokens.push(lease.fencingToken));
    }
  }
  for (const { close } of processes) await close();
  expect(tokens).toHaveLength(30);
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  await expectNothingLeftOn(sites);
});
