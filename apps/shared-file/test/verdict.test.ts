import { describe, expect, it } from "vitest";
import { judge } from "../src/verdict.ts";

const EXPECTED = { writers: 2, turns: 2, lock: true };
const GOOD = ["1 writer-1 10", "2 writer-2 20", "3 writer-1 30", "4 writer-2 40"];

/** The damage found when the good lines are changed like this. */
function damageOf(change: (lines: string[]) => string[], expected = EXPECTED): string {
  return judge(`${change([...GOOD]).join("\n")}\n`, expected).damage.join("; ");
}

describe("the verdict", () => {
  it("finds nothing wrong with a file in sequence", () => {
    const verdict = judge(`${GOOD.join("\n")}\n`, EXPECTED);
    expect(verdict.damage).toEqual([]);
    expect(verdict.lines.map((line) => line.number)).toEqual([1, 2, 3, 4]);
    expect(verdict.lines.some((line) => line.isMisnumbered)).toBe(false);
  });

  it("finds a number that was given twice, and the one that is missing for it", () => {
    const damage = damageOf((lines) => lines.with(2, "2 writer-1 30"));
    expect(damage).toBe("1 number given more than once: 2; 1 number of 1 to 4 missing: 3");
  });

  it("finds a gap", () => {
    const damage = damageOf((lines) => lines.with(3, "5 writer-2 40"));
    expect(damage).toBe("1 number of 1 to 4 missing: 4; 1 number outside of 1 to 4");
  });

  it("finds a lost line, and whose it was", () => {
    const damage = damageOf((lines) => lines.slice(0, 3));
    expect(damage).toBe(
      "the file has 3 lines instead of 4; 1 number of 1 to 4 missing: 4; writer-2 has 1 lines instead of 2",
    );
  });

  it("finds an empty file wrong", () => {
    expect(judge("", EXPECTED).damage[0]).toBe("the file has 0 lines instead of 4");
  });

  it("finds lines out of order", () => {
    const swapped = (lines: string[]) => lines.with(1, "3 writer-2 20").with(2, "2 writer-1 30");
    expect(damageOf(swapped)).toBe("1 line out of order: the number is smaller than the one before");
  });

  it("finds a turn that another writer took", () => {
    const damage = damageOf((lines) => lines.with(3, "4 writer-1 40"));
    expect(damage).toBe("writer-1 has 3 lines instead of 2; writer-2 has 1 lines instead of 2");
  });

  it.each([
    ["equal", "20"],
    ["smaller", "9"],
    ["absent", "-"],
  ])("finds a fencing token that is %s", (_, fence) => {
    const damage = damageOf((lines) => lines.with(2, `3 writer-1 ${fence}`));
    expect(damage).toMatch(/^[12] lines? whose fencing token does not grow$/);
  });

  it("asks for no fencing tokens where there was no lock", () => {
    const without = (lines: string[]) => lines.map((line) => line.replace(/\d+$/, "-"));
    expect(damageOf(without, { ...EXPECTED, lock: false })).toBe("");
    expect(damageOf(without)).toBe("4 lines whose fencing token does not grow");
  });

  it.each(["", "3 writer-1", "x writer-1 30", "3 writer-1 30 more", "3  writer-1 30"])(
    "finds a line that cannot be read: %j",
    (line) => {
      expect(damageOf((lines) => lines.with(2, line))).toContain("1 line that cannot be read");
    },
  );
});
