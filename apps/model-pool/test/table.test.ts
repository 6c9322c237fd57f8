import { stripVTControlCharacters } from "node:util";
import type { PoolSlot, WaiterState } from "@lock/core";
import { describe, expect, it } from "vitest";
import { type Frame, fingerprint, line, lineHeader, table } from "../src/table.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const DEATH = { node: 12, at: 0, slot: 3, fence: 1_795_249_743_890_428 };

function used(slot: number, holder: string | undefined, left: number): PoolSlot {
  return {
    slot,
    inUse: true,
    holder,
    token: `token-${slot}`,
    fencingToken: 1_795_249_743_890_425 + slot,
    since: new Date(NOW - 700),
    remaining: left,
    until: new Date(NOW + left),
    meta: {},
  };
}

function waiter(holder: string, slot: number | "any"): WaiterState {
  return { token: `of-${holder}`, mode: "permits", slot, holder, meta: {}, count: 1 };
}

const FRAME: Frame = {
  slots: [used(1, "node-1", 1_250), { slot: 2, inUse: false }, used(3, "node-12", 10_000)],
  waiters: [waiter("node-5", 3), waiter("node-2", "any")],
  at: 1_234,
  now: NOW,
  ttl: 2_000,
  death: undefined,
  done: 7,
  total: 22,
};
const CROWD = Array.from({ length: 11 }, (_, index) => waiter(`node-${index + 2}`, "any"));

function tableOf(frame: Partial<Frame>): string[] {
  return table({ ...FRAME, ...frame }).map(stripVTControlCharacters);
}

function lineOf(frame: Partial<Frame>): string {
  return stripVTControlCharacters(line({ ...FRAME, ...frame }));
}

describe("the table", () => {
  it("shows for each model who uses it, since when, how long still, and the fencing token", () => {
    const [header, first, second] = tableOf({});
    expect(header).toBe("  model  in use by     fencing token  since (UTC)    ends in");
    expect(first).toBe("      1  node-1     1795249743890426  03:04:04.300     1.3 s  ███████░░░");
    expect(second).toBe("      2  ·  free");
  });

  it("shows who waits for what", () => {
    expect(tableOf({}).at(-2)).toBe("  waiting: node-5 for 3, node-2 for any");
    expect(tableOf({ waiters: CROWD }).at(-2)).toContain("node-4 for any, and 8 more");
    expect(tableOf({ waiters: [] }).at(-2)).toBe("  no node waits");
  });

  it("marks the model of the killed node, until somebody else has it", () => {
    expect(tableOf({ death: DEATH })[3]).toContain("✗ was killed; its lease ends in 10.0 s");
    expect(tableOf({ death: { ...DEATH, fence: DEATH.fence - 1 } })[3]).not.toContain("✗");
  });

  it("keeps its height, and to 80 columns, whatever happens", () => {
    const frames = [{}, { death: DEATH }, { waiters: CROWD }, { waiters: [] }];
    for (const lines of frames.map(tableOf)) {
      expect(lines).toHaveLength(7);
      expect(Math.max(...lines.map((text) => text.length))).toBeLessThanOrEqual(80);
    }
  });

  it("escapes the names of others", () => {
    const [, row] = tableOf({ slots: [used(1, "evil\u001b[2J", 1_000)] });
    expect(row).toContain("evil\\u{1b}[2J");
    expect(tableOf({ slots: [used(1, undefined, 1_000)] })[1]).toContain("a stranger");
  });

  it("survives a lease that is over, has no end, or is longer than ours", () => {
    const slots = [
      used(1, "node-1", -5),
      { ...used(2, "node-2", 0), until: undefined },
      used(3, "x", 99_000),
    ];
    const [, over, endless, longer] = tableOf({ slots: slots as PoolSlot[] });
    expect(over).toContain("0.0 s  ░░░░░░░░░░");
    expect(endless).toContain("never  ██████████");
    expect(longer).toContain("99.0 s  ██████████");
  });
});

describe("the lines where there is no terminal", () => {
  it("have a column for each model", () => {
    expect(lineHeader(3)).toBe("    ms  model 1    model 2    model 3");
    expect(lineOf({})).toBe("  1234  node-1     ·          node-12    waiting: node-5 for 3, node-2 for any");
  });

  it("say who was killed", () => {
    expect(lineOf({ death: DEATH, waiters: [] })).toBe(
      "  1234  node-1     ·          node-12 ✗\n        node-12 was killed; its lease ends in 10.0 s",
    );
  });

  it("come only when something but the time has changed", () => {
    const before = fingerprint(FRAME);
    expect(fingerprint({ ...FRAME, at: 2_000, now: NOW + 766 })).toBe(before);
    expect(fingerprint({ ...FRAME, death: DEATH })).not.toBe(before);
    expect(fingerprint({ ...FRAME, waiters: [] })).not.toBe(before);
    expect(fingerprint({ ...FRAME, slots: FRAME.slots.slice(1) })).not.toBe(before);
  });
});
