import fc from "fast-check";
import { expect, it } from "vitest";
import { localInstantOf, serverTimeAt } from "../src/backends/redis/server-time.ts";
import type { Instant } from "../src/clock.ts";

/** One true time line, in ms; the server's clock is off by an offset, and messages take their time. */
const world = fc.record({
  offset: fc.integer({ min: -10_000_000, max: 10_000_000 }),
  there: fc.integer({ min: 0, max: 5_000 }),
  back: fc.integer({ min: 0, max: 5_000 }),
  later: fc.integer({ min: 0, max: 100_000 }),
  delivery: fc.integer({ min: 0, max: 5_000 }),
});

const START = 1_000;
const local = (time: number): Instant => ({ mono: time, wall: time + 1_700_000_000_000 });

it("maps a grant never later than it happened, and a limit never past the caller's", () => {
  fc.assert(
    fc.property(world, ({ offset, there, back, later, delivery }) => {
      const server = (time: number) => (time + offset) * 1_000;
      const sample = {
        sentAt: local(START),
        server: server(START + there),
        receivedAt: local(START + there + back),
      };
      const grantedAt = START + there + later;
      const heardAt = local(Math.max(grantedAt + delivery, START + there + back));
      const mapped = localInstantOf(sample, server(grantedAt), heardAt);
      expect(mapped.mono).toBeLessThanOrEqual(grantedAt);
      expect(mapped.mono).toBeGreaterThanOrEqual(grantedAt - there);

      const limit = local(START + there + back + later);
      expect(serverTimeAt(sample, limit)).toBeLessThanOrEqual(server(limit.mono));
    }),
    { numRuns: 5_000 },
  );
});

it("never maps to the future, whatever the server's clock does", () => {
  const sample = { sentAt: local(START), server: 0, receivedAt: local(START + 1) };
  expect(localInstantOf(sample, 3_600_000_000, local(START + 10)).mono).toBe(START + 10);
});

it("gives no generous limit when the wall clock was set forward", () => {
  const sample = { sentAt: local(START), server: 0, receivedAt: local(START) };
  expect(serverTimeAt(sample, { mono: START + 2_000, wall: local(START).wall + 3_600_000 })).toBe(2_000_000);
});
