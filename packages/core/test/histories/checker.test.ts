import { describe, expect, it } from "vitest";
import { beliefsOf, type HistoryEvent, mostAtOnce } from "../support/history.ts";

/** The checker must see what it is there for. */
describe("a history", () => {
  const line = (
    at: number,
    event: HistoryEvent["event"],
    id: string,
    mode: HistoryEvent["mode"] = "permits",
  ) => ({
    process: Number(id.split(" ")[0]),
    at,
    event,
    id,
    keys: ["key"],
    mode,
    fencingToken: at,
  });

  it("shows how many believed at once", () => {
    const lines = [
      line(1, "holds", "1 a"),
      line(2, "holds", "2 a"),
      line(3, "releases", "1 a"),
      line(3, "holds", "3 a"),
    ];
    expect(
      mostAtOnce(
        beliefsOf(
          lines,
          new Map([
            [2, 9],
            [3, 9],
          ]),
        ),
        "key",
      ).all,
    ).toBe(2);
    expect(
      mostAtOnce(
        beliefsOf(
          [...lines, line(4, "holds", "4 a")],
          new Map([
            [2, 9],
            [3, 9],
            [4, 9],
          ]),
        ),
        "key",
      ).all,
    ).toBe(3);
  });

  it("ends what a killed process believed with its end", () => {
    const lines = [line(1, "holds", "1 a"), line(5, "holds", "2 a"), line(6, "releases", "2 a")];
    expect(mostAtOnce(beliefsOf(lines, new Map([[1, 4]])), "key").all).toBe(1);
    expect(mostAtOnce(beliefsOf(lines, new Map([[1, 7]])), "key").all).toBe(2);
  });

  it("does not count what was lost before its end", () => {
    const lines = [
      line(1, "holds", "1 a"),
      line(3, "holds", "2 a"),
      line(4, "lost", "1 a"),
      line(5, "releases", "2 a"),
    ];
    expect(mostAtOnce(beliefsOf(lines, new Map()), "key").all).toBe(1);
  });

  it("sees a reader beside a writer, and two writers", () => {
    const reader = [line(1, "holds", "1 a", "read"), line(9, "releases", "1 a", "read")];
    const writer = (id: string) => [line(2, "holds", id, "write"), line(3, "releases", id, "write")];
    const both = [...reader, ...writer("2 a")].toSorted((a, b) => a.at - b.at);
    expect(mostAtOnce(beliefsOf(both, new Map()), "key").beside).toBe(1);
    const writers = [...writer("2 a"), ...writer("3 a")].toSorted((a, b) => a.at - b.at);
    expect(mostAtOnce(beliefsOf(writers, new Map()), "key").beside).toBe(1);
    expect(mostAtOnce(beliefsOf(reader, new Map()), "key").beside).toBe(0);
  });
});
