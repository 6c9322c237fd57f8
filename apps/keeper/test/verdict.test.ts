import { describe, expect, it } from "vitest";
import { type Fate, History } from "../src/history.ts";
import type { Happening } from "../src/messages.ts";
import { Register } from "../src/register.ts";
import { judge, missedTicks } from "../src/verdict.ts";

/** Keeper 1 leads until something is done to it at 1000, when it believes in its lead until 2000. */
function begun(fate: Fate | undefined): History {
  const history = new History();
  tell(history, 1, 0, { kind: "leads", fence: 5, until: 2_000 });
  const reign = history.reignOf(1);
  if (fate !== undefined && reign !== undefined) history.fault(fate, reign, 1_000);
  return history;
}

function tell(history: History, keeper: number, at: number, happening: Happening): void {
  history.tell({ keeper, at, ...happening });
}

function written(...writes: readonly (readonly [keeper: number, tick: number, fence: number])[]): Register {
  const register = new Register();
  for (const [keeper, tick, fence] of writes) register.write(keeper, { tick, price: 1, fence }, 0);
  return register;
}

describe("the verdict", () => {
  it("is good when the other one leads after the lead has ended", () => {
    const history = begun("paused");
    tell(history, 2, 2_100, { kind: "leads", fence: 6, until: 4_000 });
    expect(judge(history, written([1, 1, 5], [2, 2, 6], [1, 2, 5]), ["paused"])).toEqual([]);
  });

  it("finds two that believe to lead at once", () => {
    const history = begun("partitioned");
    tell(history, 2, 1_900, { kind: "leads", fence: 6, until: 4_000 });
    expect(judge(history, written(), ["partitioned"])).toEqual([
      "keeper-2 led while keeper-1 still believed that it leads",
    ]);
    tell(history, 1, 1_950, { kind: "lost", reason: "unreachable" });
    expect(judge(history, written(), ["partitioned"])).toHaveLength(1);
  });

  it("believes the end of a lead that was lost or killed before", () => {
    const history = begun("killed");
    tell(history, 2, 1_900, { kind: "leads", fence: 6, until: 4_000 });
    expect(judge(history, written(), ["killed"])).toEqual([]);
  });

  it("finds tokens that do not grow, and ticks that were written twice", () => {
    const history = begun("killed");
    tell(history, 2, 1_900, { kind: "leads", fence: 5, until: 4_000 });
    const problems = judge(history, written([1, 1, 5], [2, 1, 5]), ["killed"]);
    expect(problems).toEqual([
      "fencing tokens of the lead that did not grow: 1",
      "tick 1 was written 2 times",
    ]);
  });

  it("wants each fault, a successor in time, and the refusal of a late write", () => {
    expect(judge(begun(undefined), written(), ["killed"])).toEqual(["no leader was killed"]);
    const history = begun("paused");
    expect(judge(history, written(), ["paused"])).toEqual(["nobody took over when keeper-1 was paused"]);
    tell(history, 2, 9_000, { kind: "leads", fence: 6, until: 10_000 });
    expect(judge(history, written([1, 1, 5]), ["paused"])).toEqual([
      "keeper-2 took over only 8000 ms after keeper-1 was paused",
      "the late write of keeper-1 was not refused",
    ]);
  });

  it("tells which ticks nobody ran", () => {
    expect(missedTicks(written([1, 3, 5], [1, 5, 5], [1, 4, 5]))).toEqual([]);
    expect(missedTicks(written([1, 3, 5], [1, 6, 5]))).toEqual([4, 5]);
  });
});
