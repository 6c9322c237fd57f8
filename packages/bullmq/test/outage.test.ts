import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { type FaultyProxy, startFaultyProxy } from "@lock/redis-harness";
import { expect, newestOrOlder, whenOver } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { describe, it, vi } from "vitest";
import { type GuardEvents, type GuardOptions, guardJobs } from "../src/index.ts";
import { finished, next, told } from "./support/events.ts";
import { after, before } from "./support/intercept.ts";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
/** Locks whose way to the server may break: each test has one of its own. */
async function faulty(): Promise<{ readonly proxy: FaultyProxy; readonly locks: Locks }> {
  const proxy = await startFaultyProxy({ host: "127.0.0.1", port: Number(new URL(scene.url).port) });
  const client = new Redis(proxy.url).on("error", () => undefined);
  whenOver(async () => {
    client.disconnect();
    await proxy.stop();
  });
  const locks = createLocks({ backend: ioredisBackend(client, { requestTimeout: 1_500 }) });
  // What is slow once, such as the first connection, is not what a test is about.
  await vi.waitFor(() => locks.using(proxy.url, () => true), { timeout: 20_000 });
  return { proxy, locks };
}

describe.concurrent.each(newestOrOlder(majors))("$name: locks out of reach", ({ bullmq }) => {
  const guardOf = (locks: Locks, onBackendError: GuardOptions["onBackendError"]) =>
    guardJobs({
      locks,
      strategy: "until-and-while-executing",
      key: { hash: "data" },
      reschedule: { min: 20, max: 200 },
      ...(onBackendError && { onBackendError }),
    });

  it("delay: add rejects and adds nothing; a job is tried again, and no attempt is counted", async () => {
    const { proxy, locks } = await faulty();
    const guard = guardOf(locks, "delay");
    const queue = scene.queue(bullmq);
    proxy.blackhole();
    await expect(guard.add(queue, "build", {})).rejects.toMatchObject({ code: "LOCK_BACKEND" });
    expect(await queue.getJobCountByTypes("wait")).toBe(0);
    await queue.add("build", {});
    const rescheduled = next<GuardEvents["rescheduled"]>((listener) => guard.on("rescheduled", listener));
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    const done = finished(worker);
    await rescheduled;
    proxy.heal();
    expect(await done).toMatchObject({ returnvalue: "built", attemptsMade: 1 });
  });

  it("fail: the job fails", async () => {
    const { proxy, locks } = await faulty();
    const guard = guardOf(locks, "fail");
    const queue = scene.queue(bullmq);
    proxy.blackhole();
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    const done = finished(worker);
    await queue.add("build", {});
    expect((await done).failedReason).toMatch(/redis/);
  });

  it("run-unlocked: it is added and run, and both are told", async () => {
    const { proxy, locks } = await faulty();
    const guard = guardOf(locks, "run-unlocked");
    const told: string[] = [];
    guard.on("unguarded", ({ reason }) => told.push(reason));
    const queue = scene.queue(bullmq);
    proxy.blackhole();
    expect(await guard.add(queue, "build", {})).toMatchObject({ added: true });
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor((_job, { lease }) => (lease === undefined ? "unguarded" : "guarded")),
    );
    expect((await finished(worker)).returnvalue).toBe("unguarded");
    expect(told).toEqual(["backend", "backend"]);
  });

  it("a job whose claim cannot be confirmed any more was added, and that is told", async () => {
    const { proxy, locks } = await faulty();
    const guard = guardJobs({
      locks,
      strategy: "until-expired",
      key: { hash: "data" },
      window: 60_000,
    });
    const queue = scene.queue(bullmq);
    const events = told(guard);
    const cut = after(queue, "add", () => proxy.blackhole());
    expect(await guard.add(cut, "build", {})).toMatchObject({ added: true });
    expect(events).toMatchObject([["unguarded", { reason: "backend" }]]);
  });

  it.each(["complete", "cancel-holder"] as const)(
    "an outage within a conflict delays the job: %s",
    async (execute) => {
      const { proxy, locks } = await faulty();
      const guard = guardJobs({
        locks,
        strategy: "while-executing",
        key: () => "one",
        onConflict: {
          execute: () => {
            proxy.blackhole();
            return execute;
          },
        },
        reschedule: { min: 20, max: 200 },
      });
      const queue = scene.queue(bullmq);
      const lease = await scene.locks.acquire(`run:queue=${queue.name}:one`);
      const rescheduled = next<GuardEvents["rescheduled"]>((listener) => guard.on("rescheduled", listener));
      const worker = await scene.worker(
        bullmq,
        queue.name,
        guard.processor(() => "built"),
      );
      const done = finished(worker);
      await queue.add("build", {});
      await rescheduled;
      await lease.release();
      proxy.heal();
      expect(await done).toMatchObject({ returnvalue: "built", attemptsMade: 1 });
    },
  );

  it("run-unlocked: also when the locks are lost while it is decided about a duplicate", async () => {
    const queue = scene.queue(bullmq);
    const { proxy, locks } = await faulty();
    await guardOf(locks, "run-unlocked").add(queue, "build", {});
    const guard = guardJobs({
      locks: before(locks, "inspect", () => proxy.blackhole()),
      strategy: "until-executed",
      key: { hash: "data" },
      onBackendError: "run-unlocked",
    });
    const events = told(guard);
    expect(await guard.add(queue, "build", {})).toMatchObject({ added: true });
    expect(events).toMatchObject([["unguarded", { reason: "backend" }]]);
    expect(await queue.getJobCountByTypes("wait")).toBe(2);
  });
});
