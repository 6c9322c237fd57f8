import { expect, it } from "vitest";
import { expectNothingLeftOn, found, type Member, useSites } from "../support/quorum-sites.ts";

const ROUNDS = Number(process.env.QUORUM_ROUNDS ?? 30);
const sites = useSites(3);

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
