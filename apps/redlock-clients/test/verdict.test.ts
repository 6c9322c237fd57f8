import { describe, expect, it } from "vitest";
import { History } from "../src/history.ts";
import { type Answer, type Entry, type Happening, NODES } from "../src/messages.ts";
import type { Incident } from "../src/outage.ts";
import { judge } from "../src/verdict.ts";

const WORK = { clients: 2, turns: 1, kill: 0 } as const;
const QUIET = { killed: undefined, returned: undefined };

/** What clients told; each entry is `[client, at, what happened]`. */
function told(...entries: readonly (readonly [string, number, Happening])[]): History {
  const history = new History();
  for (const [client, at, happening] of entries)
    history.tell({ client, at, time: "", ...happening } as Entry);
  return history;
}

/** One turn from its question to its release, granted by the first nodes. */
function turn(client: string, from: number, until: number, fence: number, nodes = 3) {
  const lease = `${client}@${from}`;
  const votes = Array.from({ length: nodes }, (_, index): [string, number, Happening] => {
    return [client, from, { what: "vote", node: index + 1, lease, answer: "granted", fence, ms: 1 }];
  });
  return [
    [client, from - 5, { what: "asks", turn: 1 }],
    ...votes,
    [client, from, { what: "acquired", turn: 1, lease, fence, waited: 5, validFor: 5_000 }],
    [client, until, { what: "ends", turn: 1, until }],
    [client, until, { what: "released", turn: 1, outcome: "released" }],
  ] as const satisfies readonly (readonly [string, number, Happening])[];
}

function refused(client: string, at: number, vote: Answer): [string, number, Happening] {
  const votes = Array.from({ length: NODES }, (_, index) => ({ node: `node ${index + 1}`, vote }));
  return [client, at, { what: "refused", turn: 1, votes }];
}

function incident(what: Incident["what"], at: number): Incident {
  return { what, at, time: "", client: "demo", nodes: [1] };
}

describe("the verdict", () => {
  it("is good when they held the lock one after another", () => {
    const history = told(...turn("client-1", 10, 20, 1), ...turn("client-2", 20, 30, 2));
    expect(judge(history, QUIET, WORK)).toEqual([]);
  });

  it.each([
    [
      "two holders at once",
      told(...turn("client-1", 10, 20, 1), ...turn("client-2", 19, 30, 2)),
      /both believed/,
    ],
    [
      "a token that shrinks",
      told(...turn("client-1", 10, 20, 2), ...turn("client-2", 20, 30, 1)),
      /did not grow: 1/,
    ],
    [
      "a lease of two nodes",
      told(...turn("client-1", 10, 20, 1, 2), ...turn("client-2", 20, 30, 2)),
      /client-1 had a lease that only 2 nodes had granted/,
    ],
    [
      "work that was not done",
      told(...turn("client-1", 10, 20, 1)),
      /client-2 did its work 0 times instead of 1/,
    ],
  ])("finds %s", (_, history, problem) => {
    expect(judge(history, QUIET, WORK)).toEqual([expect.stringMatching(problem)]);
  });

  it("wants work to go on without two nodes", () => {
    const history = told(...turn("client-1", 10, 20, 1), ...turn("client-2", 20, 30, 2));
    const expected = { ...WORK, kill: 2 } as const;
    expect(judge(history, QUIET, expected)).toEqual(["no node was killed"]);
    expect(judge(history, { ...QUIET, killed: incident("killed", 12) }, expected)).toEqual([]);
    expect(judge(history, { ...QUIET, killed: incident("killed", 16) }, expected)).toEqual([
      expect.stringContaining("nothing was granted after two nodes"),
    ]);
  });

  it("wants refusals without three nodes, and work after one has returned", () => {
    const expected = { ...WORK, kill: 3 } as const;
    const outage = { killed: incident("killed", 14), returned: incident("returned", 50) };
    const [first, late] = [turn("client-1", 10, 20, 1), turn("client-2", 60, 70, 2)];
    expect(judge(told(...first, refused("client-2", 40, "timeout"), ...late), outage, expected)).toEqual([]);
    expect(judge(told(...first, ...late), outage, expected)).toEqual([
      expect.stringMatching(/nobody was refused/),
    ]);
    expect(judge(told(...first, refused("client-2", 40, "granted"), ...late), outage, expected)).toEqual([
      "refusals that do not tell why: 1",
    ]);
    const early = turn("client-2", 30, 40, 2);
    expect(judge(told(...first, refused("client-2", 22, "timeout"), ...early), outage, expected)).toEqual([
      "granted without a majority: 1 leases",
      "nothing was granted after a node had returned",
    ]);
  });
});
