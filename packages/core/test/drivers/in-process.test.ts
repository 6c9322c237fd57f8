import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { inProcessBackend } from "../../src/in-process.ts";
import { createLocks } from "../../src/index.ts";
import { backendSuite, FakeClock, locksSuite, modesSuite } from "../../src/testing.ts";
import { alone, atOnce, runMutexSuites } from "../support/suites.ts";
import { adopt, ask, rival } from "../support/two-backends.ts";
import { WAYS } from "../support/ways-to-a-grant.ts";

const close = async () => {};

backendSuite({
  api: atOnce,
  name: "in-process",
  open: async () => {
    const backend = inProcessBackend();
    return { one: backend, two: backend, close };
  },
});

const openLocks = async () => {
  const backend = inProcessBackend();
  return { one: createLocks({ backend }), two: createLocks({ backend }), close };
};
locksSuite({ api: atOnce, name: "in-process", open: openLocks });
// Some of its leases are over in 30 ms: others must not hold up the process.
modesSuite({ api: alone, name: "in-process", open: openLocks });
runMutexSuites("in-process", openLocks);

describe("a process that keeps its locks to itself", () => {
  const run = async (what: string) => {
    const script = fileURLToPath(new URL("../support/waiting-child.mjs", import.meta.url));
    return promisify(execFile)(process.execPath, [script, what], { timeout: 20_000 });
  };

  it.each([
    ["stays alive while it waits for a lease to end", "waiting"],
    ["ends while it has a lease that it had to wait for", "served"],
  ])("%s", async (_, what) => {
    expect((await run(what)).stdout).toBe("granted\n");
  });
});

describe("what the in-process backend says of a lease that it has for longer than was asked for", () => {
  it("counts from when that was granted, not from the last question", async () => {
    const clock = new FakeClock();
    const backend = inProcessBackend({ clock });
    const held = ask({ ttl: 10_000 });
    const stands = { since: clock.now(), ttl: 10_000 };
    await backend.tryAcquire(held);
    await clock.advance(3_000);
    expect(await backend.tryAcquire(held)).toMatchObject({ status: "granted", ...stands });
    expect(await backend.extend(held, 1_000)).toMatchObject({ status: "renewed", ...stands });
    const adopter = rival(held, { ttl: 1_000 });
    expect(await adopt(backend, adopter, held, 1)).toMatchObject({ status: "renewed", ...stands });
    await clock.advance(6_999);
    expect((await backend.tryAcquire(rival(held))).status).toBe("busy");
    await clock.advance(1);
    expect((await backend.tryAcquire(rival(held))).status).toBe("granted");
  });
});

it("fencing tokens grow although the clock stepped back, and other keys were granted since", async () => {
  const clock = new FakeClock();
  const locks = createLocks({ backend: inProcessBackend({ clock }) });
  for (const [title, grant] of Object.entries(WAYS)) {
    const before = await grant(locks, title);
    await clock.advance(1_800_000);
    await locks.using(`other than ${title}`, () => undefined);
    clock.stepWall(-3_000_000);
    expect(await grant(locks, title), title).toBeGreaterThan(before);
  }
  await locks.close();
});
