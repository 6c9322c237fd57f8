import { describe, expect, it } from "vitest";
import { LockTimeoutError, QuorumError } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { expectNothingLeftOn, found, type Member, useSites } from "../support/quorum-sites.ts";

const sites = useSites(5, { persist: true });
const ALL = [0, 1, 2, 3, 4];

/** What is told of the votes for a key, attempt by attempt. */
function hearVotes({ locks }: Member, key: string): string[][] {
  const heard: string[][] = [];
  locks.on("voted", (event) => {
    if (event.key === key) heard.push(event.votes.map(({ vote }) => vote));
  });
  return heard;
}

describe("how nodes voted", () => {
  it("is told with the error where no majority answers: each node by its name", async () => {
    const member = await found(sites, { nodeTimeout: 200, proxied: ALL });
    const heard = hearVotes(member, "undecided");
    for (const index of [0, 1]) sites.at(index).proxy.blackhole();
    await sites.at(2).server.kill();
    const error = await member.locks.acquire("undecided", { wait: 0 }).catch((fault: unknown) => fault);
    if (!(error instanceof QuorumError)) throw new Error("no QuorumError", { cause: error });
    expect(error).toMatchObject({ code: "LOCK_QUORUM", key: "undecided" });
    const votes = error.votes.map(({ vote }) => vote);
    expect(votes.slice(0, 2)).toEqual(["timeout", "timeout"]);
    expect(votes[2]).toMatch(/^(timeout|error)$/);
    expect(votes.slice(3)).toEqual(["granted", "granted"]);
    for (const { vote, took } of error.votes) {
      expect(took, vote).toEqual(vote === "granted" ? expect.any(Number) : undefined);
    }
    expect(error.votes.map(({ node }) => node)).toEqual(ALL.map((index) => `node ${index + 1} (redis)`));
    expect(error.message).toContain("node 2 (redis): timeout");
    await eventually("told as an event, too", () => heard.length > 0 || undefined);
    expect(heard[0]).toEqual(votes);
    for (const { proxy } of sites.all) proxy.heal();
    await sites.at(2).server.restart();
    await expectNothingLeftOn(sites);
  });

  it("is told after each attempt, whoever got the key", async () => {
    const [one, two] = [await found(sites), await sites.open()];
    const [granted, refused] = [hearVotes(one, "told"), hearVotes(two, "told")];
    const lease = await one.locks.acquire("told");
    await expect(two.locks.acquire("told", { wait: 0 })).rejects.toMatchObject({
      holder: { remaining: expect.any(Number) },
    });
    await eventually("both are told", () => (granted.length > 0 && refused.length > 0) || undefined);
    await lease.release();
    expect(granted[0]?.filter((vote) => vote === "granted").length).toBeGreaterThanOrEqual(3);
    expect(refused[0]).toContain("busy");
    expect(refused[0]?.filter((vote) => vote === "granted").length).toBeLessThan(3);
  });
});

describe("retry", () => {
  it("limit: it asks once more for each, and no longer than wait", async () => {
    const member = await found(sites, { nodeTimeout: 100, proxied: ALL });
    const heard = hearVotes(member, "limited");
    for (const index of [0, 1, 2]) sites.at(index).proxy.refuse();
    const acquiring = member.locks.acquire("limited", { wait: 30_000, retry: { limit: 2 } });
    await expect(acquiring).rejects.toMatchObject({ code: "LOCK_QUORUM" });
    await eventually("three attempts are told", () => heard.length >= 3 || undefined);
    expect(heard).toHaveLength(3);
  });

  it("limit 0: a busy key is asked for once, and the caller does not wait", async () => {
    const [one, two] = [await found(sites), await sites.open()];
    const lease = await one.locks.acquire("busy");
    const start = performance.now();
    const acquiring = two.locks.acquire("busy", { wait: 30_000, retry: { limit: 0 } });
    await expect(acquiring).rejects.toThrow(LockTimeoutError);
    expect(performance.now() - start).toBeLessThan(5_000);
    await lease.release();
    await expectNothingLeftOn(sites);
  });
});
