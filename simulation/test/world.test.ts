import { expect, it } from "vitest";
import { openWasmoon, play, printLines, printStory, storyOf } from "../src/index.ts";

const SEEDS = [3, 8, 28];

async function tell(seed: number, vm: Awaited<ReturnType<typeof openWasmoon>>): Promise<string> {
  const { lines } = await play(storyOf(seed), vm, true);
  return printLines(lines);
}

it("a seed decides all that happens: again, in another order, and in another machine of Lua", async () => {
  const vm = await openWasmoon();
  const forwards = new Map<number, string>();
  for (const seed of SEEDS) forwards.set(seed, await tell(seed, vm));
  for (const seed of SEEDS.toReversed()) expect(await tell(seed, vm)).toBe(forwards.get(seed));
  const other = await openWasmoon();
  for (const seed of SEEDS) expect(await tell(seed, other)).toBe(forwards.get(seed));
  expect(new Set(forwards.values()).size).toBe(SEEDS.length);
});

it("a story is told in words", () => {
  const text = printStory(storyOf(28));
  expect(text).toMatch(/^seed 28: \d processes, a quorum of 3$/m);
  expect(text).toMatch(/^ +[\d.]+ ms {2}#\d+ process \d wants /m);
  expect(text).toMatch(/^ +[\d.]+ ms {2}! \w+ (process|server) \d/m);
});

it("a grant that no replica knows of is undone, and its caller is told why", async () => {
  const vm = await openWasmoon();
  const [seed = 0] = Array.from({ length: 1_000 }, (_, at) => at).filter((at) =>
    storyOf(at, "single").faults.some(({ kind }) => kind === "loseReplicas"),
  );
  const story = storyOf(seed, "single");
  const faults = [{ kind: "loseReplicas", at: 0, server: 0, ms: 10_000 }] as const;
  const { history, violations } = await play({ ...story, faults }, vm);
  expect(violations).toEqual([]);
  const granted = history.attempts.filter(({ end }) => end === "granted");
  expect(granted.filter(({ endedAt = 0 }) => endedAt < 10_000)).toEqual([]);
  expect(granted.length).toBeGreaterThan(0);
  expect(history.attempts.map(({ error }) => String(error)).join("\n")).toContain("only 0 of 1 replicas");
});

it("forged messages make waiters ask, and no more", async () => {
  const vm = await openWasmoon();
  const story = { ...storyOf(1, "single"), faults: [] };
  const faults = Array.from({ length: 300 }, (_, place) => {
    return { kind: "forgeMessages", at: place * 10, server: 0 } as const;
  });
  const [calm, forged] = [await play(story, vm, true), await play({ ...story, faults }, vm, true)];
  expect(forged.violations).toEqual([]);
  expect(forged.history.warnings).toEqual(calm.history.warnings);
  const endsOf = ({ history }: typeof calm) => history.attempts.map(({ end }) => end);
  expect(endsOf(forged).filter((end) => end === "granted").length).toBeGreaterThan(0);
});
