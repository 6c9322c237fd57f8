import { askForLines, askServer } from "@lock/redis-harness";
import { fewOrMany, useRedis } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";
import { eventually } from "../../src/testing/test-api.ts";
import { mostAtOnce, outOfOrder, recordHistory } from "../support/history.ts";
import { expectNothingLeftOn, found, type Member, type Site, useSites } from "../support/quorum-sites.ts";

const GRANTS = fewOrMany(150, 10_000);
const KEYS = 4;
const TTL = 1_000;
const PROCESSES = 4;
/** How many workers may each have lost a turn, when their process was killed. */
const KILLS = 2;
const WORKERS = 3;
const NODE_TIMEOUT = 400;

const budget = useRedis();
const sites = useSites(5, { persist: true });

/** A node that came back without its data: until it votes again, no other may lose its own. */
async function votesAgain({ server }: Site, { locks }: Member): Promise<void> {
  await eventually(
    `node ${server.port} votes again`,
    async () => {
      await locks.using("probe", { ttl: TTL }, () => undefined);
      const mark = (await askForLines(server.port, "GET", "lock:quorum")).join(" ");
      const [, from] = / (\d+)$/.exec(mark.trim()) ?? [];
      const [seconds] = await askForLines(server.port, "TIME");
      return from !== undefined && Number(from) < Number(seconds) * 1_000_000 ? true : undefined;
    },
    30_000,
  );
}

/** Kills nodes and brings them back, with their data or one of them without, so that a majority always stands. */
async function breakNodes(member: Member, isOver: () => boolean): Promise<{ kept: number; emptied: number }> {
  const faults = { kept: 0, emptied: 0 };
  for (let turn = 0; !isOver() || turn < 3; turn++) {
    const empty = turn % 3 === 1;
    const victims = (empty ? [turn] : [turn, turn + 2]).map((index) => sites.at(index % 5));
    await Promise.all(victims.map(({ server }) => server.kill()));
    await new Promise((resume) => setTimeout(resume, 2 * NODE_TIMEOUT));
    await Promise.all(victims.map(({ server }) => server.restart({ empty })));
    faults[empty ? "emptied" : "kept"] += victims.length;
    for (const victim of victims) await votesAgain(victim, member);
  }
  return faults;
}

it(`${GRANTS} grants by 5 nodes that are killed and emptied, to processes that are killed: one at a time, with growing tokens`, async () => {
  const options = { maxTtl: TTL, nodeTimeout: NODE_TIMEOUT, durable: true };
  const member = await found(sites, options);
  await askServer(budget.server.port, "SET", "budget", String(GRANTS + KILLS * WORKERS));
  let isOver = false;
  const breaking = breakNodes(member, () => isOver);
  const { beliefs, killed, failed } = await recordHistory({
    url: budget.url,
    quorum: { urls: sites.all.map(({ server }) => server.url), options },
    processes: PROCESSES,
    workers: WORKERS,
    ttl: TTL,
    kills: KILLS,
    budget: "budget",
    task: { kind: "severalKeys", keys: KEYS, pick: 1, hold: 4 },
  }).finally(() => {
    isOver = true;
  });
  const faults = await breaking;
  expect({ killed, failed }).toEqual({ killed: KILLS, failed: 0 });
  expect(beliefs.length).toBeGreaterThanOrEqual(GRANTS);
  for (let key = 0; key < KEYS; key++) {
    expect(mostAtOnce(beliefs, `several ${key}`).all).toBe(1);
    expect(outOfOrder(beliefs, `several ${key}`)).toEqual([]);
  }
  expect(faults.kept).toBeGreaterThan(0);
  expect(faults.emptied).toBeGreaterThan(0);
  await expectNothingLeftOn(sites);
}, 900_000);
