import { createLocks } from "@lock/core";
import { detachedLeases } from "@lock/core/adapter";
import { ioredisBackend } from "@lock/core/ioredis";
import { STEPS, stepWallClock } from "@lock/redis-harness/stepped-clock";
import { expect, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import type { QueueLike } from "../src/bullmq.ts";
import { Claims } from "../src/claims.ts";
import { guardJobs, type JobFacts } from "../src/index.ts";
import { finished } from "./support/events.ts";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
const key = ({ data }: JobFacts<{ report: string }>) => data.report;
const soon = { min: 20, max: 100 };
const HOUR = 3_600_000;
let reports = 0;
const newReport = () => ({ report: `clock ${++reports}` });

describe.each(newestOrOlder(majors))("$name", ({ bullmq }) => {
  it.each(STEPS)("a wall clock that steps by %i ms does not put a job off for longer", async (step) => {
    const report = newReport();
    const guard = scene.guard({ strategy: "while-executing", key, reschedule: soon });
    const queue = scene.queue(bullmq);
    const delays: number[] = [];
    const again = new Promise<void>((resolve) => {
      guard.on("rescheduled", ({ delay }) => delays.push(delay) === 3 && resolve());
    });
    const runKey = `run:queue=${queue.name}:${report.report}`;
    await scene.redis.set(`lock:{${runKey}}`, "theirs", "PX", 60_000);
    const work = guard.processor(() => "built");
    const worker = await scene.worker(bullmq, queue.name, work, { autorun: false });
    const done = finished(worker);
    await guard.add(queue, "build", report);
    using _ = stepWallClock(step);
    void worker.run();
    await again;
    const start = performance.now();
    await scene.redis.del(`lock:{${runKey}}`);
    expect(await done).toMatchObject({ returnvalue: "built" });
    expect(performance.now() - start).toBeLessThan(5_000);
    for (const delay of delays) expect([delay >= 0, delay <= 100]).toEqual([true, true]);
  });
});

describe.concurrent.each(newestOrOlder(majors))("$name", ({ bullmq }) => {
  it.each([
    ["by an hour", 86_400_000 + HOUR],
    ["by years", 7 * 365 * 24 * HOUR],
  ])("a claim of a job that never came ends although the server's clock was set back %s", async (_, left) => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-executed", key });
    const queue = scene.queue(bullmq);
    const claimKey = `claim:queue=${queue.name}:${report.report}`;
    const leases = detachedLeases(scene.locks);
    const meta = { queue: queue.name, jobId: "gone", ttl: "86400000" };
    await leases.take(claimKey, leases.newToken(), { ttl: 86_400_000, meta });
    await scene.redis.pexpire(`lock:{${claimKey}}`, left);
    const start = performance.now();
    expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  it("a holder that is cancelled is believed for no longer than a lease may last", async () => {
    const report = newReport();
    const locks = createLocks({ backend: ioredisBackend(scene.redis), maxTtl: 2_500, ttl: 2_000 });
    const guard = guardJobs<{ report: string }>({
      locks,
      strategy: "while-executing",
      key,
      onConflict: { execute: "cancel-holder" },
    });
    const queue = scene.queue(bullmq);
    const runKey = `run:queue=${queue.name}:${report.report}`;
    await locks.acquire(runKey, { renew: false, meta: { queue: queue.name, jobId: "another" } });
    await scene.redis.pexpire(`lock:{${runKey}}`, HOUR);
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    const start = performance.now();
    await guard.add(queue, "build", report);
    expect(await finished(worker)).toMatchObject({ returnvalue: "built" });
    const passed = performance.now() - start;
    expect([passed >= 2_499, passed < 6_500]).toEqual([true, true]);
    await locks.close();
  });
});

describe("a claim whose job is about to be added", () => {
  const taken = async () => {
    const claims = new Claims({ locks: scene.locks, strategy: "until-executed", key: () => "" });
    const claim = claims.create(`queue=queue:${newReport().report}`, { queue: "queue", jobId: undefined });
    const queue = { name: "queue" } as QueueLike;
    expect(await claims.take(claim, queue)).toBe(true);
    return { claims, claim, queue };
  };

  it.each(STEPS)("is still its own after a step of %i ms", async (step) => {
    const { claims, claim, queue } = await taken();
    using _ = stepWallClock(step);
    expect(await claims.isOurs(claim)).toBe(true);
    expect(await claims.keep(claim, queue)).toBe("kept");
  });

  it("is asked for where the machine slept meanwhile: another has taken it over", async () => {
    const { claims, claim } = await taken();
    await scene.locks.forceRelease(`claim:${claim.name}`);
    // As after a suspension, which the monotonic clock does not see.
    using _ = stepWallClock(HOUR);
    expect(await claims.isOurs(claim)).toBe(false);
  });
});
