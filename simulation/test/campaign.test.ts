import { fewOrMany } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";
import { campaign, merge, openWasmoon, play, shrink, storyOf } from "../src/index.ts";

const SEEDS = fewOrMany(15, 2_000);

it(`${SEEDS} histories of all profiles break no promise, and faults strike where leases are held`, async () => {
  const vm = await openWasmoon();
  const summary = await campaign({ vm, from: 1, to: SEEDS });
  expect(summary.failed).toEqual([]);
  expect(summary.histories).toBe(SEEDS);
  expect(summary.grants).toBeGreaterThan(SEEDS * 20);
  expect(summary.faultsInUse / summary.faults).toBeGreaterThan(0.05);
  expect(merge(summary, summary).grants).toBe(2 * summary.grants);
}, 900_000);

it("a story that shows something is made shorter, and still shows it", async () => {
  const vm = await openWasmoon();
  const story = storyOf(2, "single");
  const showsTimeout = async (shorter: typeof story) => {
    const { history } = await play(shorter, vm);
    return history.attempts.some(({ end }) => end === "busy" || end === "timeout");
  };
  expect(await showsTimeout(story)).toBe(true);
  const short = await shrink(story, showsTimeout);
  expect(await showsTimeout(short)).toBe(true);
  expect(short.operations.length).toBeLessThanOrEqual(3);
  expect(short.faults.length).toBeLessThanOrEqual(1);
});
