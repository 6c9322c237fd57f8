import fc from "fast-check";
import { expect, it } from "vitest";
import { serverTimeAt } from "../src/backends/redis/server-time.ts";
import type { Instant } from "../src/contract/clock.ts";

const START = 1_000;
const local = (time: number): Instant => ({ mono: time, wall: time + 1_700_000_000_000 });

it("gives no limit that is past the caller's, however long the answer took and whatever the server's clock says", () => {
  // One true time line, in ms; the server's clock is off by an offset, and messages take their time.
  const world = fc.record({
    offset: fc.integer({ min: -10_000_000, max: 10_000_000 }),
    there: fc.integer({ min: 0, max: 5_000 }),
    back: fc.integer({ min: 0, max: 5_000 }),
    later: fc.integer({ min: 0, max: 100_000 }),
  });
  fc.assert(
    fc.property(world, ({ offset, there, back, later }) => {
      const server = (time: number) => (time + offset) * 1_000;
      const sample = { server: server(START + there), receivedAt: local(START + there + back) };
      const limit = local(START + there + back + later);
      expect(serverTimeAt(sample, limit)).toBeLessThanOrEqual(server(limit.mono));
    }),
    { numRuns: 5_000 },
  );
});

it("gives no generous limit when the wall clock was set forward", () => {
  const sample = { server: 0, receivedAt: local(START) };
  expect(serverTimeAt(sample, { mono: START + 2_000, wall: local(START).wall + 3_600_000 })).toBe(2_000_000);
});
