import { expect, it } from "vitest";
import { Wake } from "../../src/backends/redis/wake.ts";
import type { AcquireRequest } from "../../src/contract/backend.ts";
import { FakeClock } from "../../src/testing.ts";

function request(token: string): AcquireRequest {
  const mode = { kind: "exclusive" } as const;
  return {
    prefix: "lock",
    keys: ["key"],
    token,
    mode,
    ttl: 1_000,
    holder: "us",
    meta: undefined,
    queue: true,
  };
}

const queued = (ticket: number) => ({ ticket, remaining: undefined, missing: [1], rejoined: false });

it("news that come while a waiter asks are for the next who listens", async () => {
  const wake = new Wake(new FakeClock());
  const waiter = request("token");
  wake.queued(waiter, queued(1));
  void wake.next(waiter);
  // It asks without having been told to: nobody listens any more.
  wake.asking(waiter);
  wake.message("token");
  wake.queued(waiter, queued(1));
  expect(
    await Promise.race([wake.next(waiter), new Promise((resume) => setImmediate(resume, "nothing"))]),
  ).toBe(null);
});

it("the waiter with the smallest place asks for all, not the one that came first", async () => {
  const clock = new FakeClock();
  const wake = new Wake(clock);
  const [older, younger] = [request("older"), request("younger")];
  wake.queued(younger, queued(200));
  // It takes the place of an earlier request.
  wake.queued(older, queued(100));
  const asked: string[] = [];
  for (const each of [younger, older]) void wake.next(each).then(() => asked.push(each.token));
  await clock.advance(500);
  expect(asked).toEqual(["older"]);
  wake.forget(older);
  wake.forget(younger);
  expect(clock.pending).toBe(0);
});
