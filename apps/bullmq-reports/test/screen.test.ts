import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { Board } from "../src/board.ts";
import type { FromWorker, Step, Write } from "../src/messages.ts";
import { REQUESTS } from "../src/plan.ts";
import { type Frame, line, milestone, table } from "../src/screen.ts";

function wrote(report: string, run: string, step: Step): FromWorker {
  const where = { queue: "web", job: "web/a", worker: "worker-1", fence: 1 };
  const write: Write = { ...where, report, run, step, outcome: "accepted" };
  return { kind: "wrote", write };
}

function frameOf(board: Board): Frame {
  const counts = { waiting: 1_234, active: 24, delayed: 24, completed: 1_234, failed: 10 };
  return { at: 1_234, board, guarded: true, queues: [{ name: "web", ...counts }] };
}

function tableOf(board: Board): string[] {
  return table(frameOf(board)).map(stripVTControlCharacters);
}

describe("the board", () => {
  it("counts what is built, and when duplicates came", () => {
    const board = new Board();
    board.ask({ report: "sales", added: true });
    for (const step of ["begin", "finished"] as const) {
      board.ask({ report: "sales", added: false });
      board.hear("worker-1", wrote("sales", "r1", step));
    }
    board.ask({ report: "sales", added: false });
    expect(board).toMatchObject({ asked: 4, added: 1, duplicates: 3, built: 1 });
    expect(board.refused).toEqual({ waiting: 1, building: 1, built: 1 });
    expect(line(frameOf(board))).toBe(
      " 1.2 s    4 of 500 requests: 1 jobs added, 3 duplicates refused; 1 built",
    );
  });
});

describe("the table", () => {
  it("shows what each worker builds, as far as it fits, and keeps to 80 columns", () => {
    const board = new Board();
    for (let run = 1; run <= 8; run++) board.hear("worker-1", wrote("payroll-north", `r${run}`, "begin"));
    board.hear("worker-2", wrote("sales\u001b", "r9", "begin"));
    board.meetFate("worker-2", "killed");
    const lines = tableOf(board);
    expect(lines[1]).toBe("  worker-1  payroll-north, payroll-north, payroll-north, +5               0");
    expect(lines[2]).toContain("✗ killed: sales\\u{1b}");
    expect(lines[3]).toContain("worker-3  ·");
    expect(Math.max(...lines.map((text) => text.length))).toBeLessThanOrEqual(80);
    board.hear("worker-1", { kind: "over", run: "r1" });
    expect(tableOf(board)[1]).toContain("+4");
  });

  it("is a line where there is no terminal, when a part of the requests has come", () => {
    const board = new Board();
    const before = milestone(frameOf(board));
    for (let asked = 0; asked < 124; asked++) board.ask({ report: "sales", added: false });
    expect(milestone(frameOf(board))).toBe(before);
    board.ask({ report: "sales", added: false });
    expect(milestone(frameOf(board))).not.toBe(before);
  });

  it("is one more line when all is done", () => {
    const board = new Board();
    for (let asked = 0; asked < REQUESTS; asked++) board.ask({ report: "sales", added: false });
    const busy = frameOf(board);
    const queues = busy.queues.map((queue) => ({ ...queue, waiting: 0, active: 0, delayed: 0 }));
    expect(milestone(busy)).toBe("second 1");
    expect(milestone({ ...busy, queues })).toBe("end");
  });
});
