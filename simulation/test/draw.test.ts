import { expect, it } from "vitest";
import { profileOf, type Story, storyOf } from "../src/index.ts";

const STORIES: readonly Story[] = Array.from({ length: 2_000 }, (_, seed) => storyOf(seed));

it("stories have at least 40 operations, and two processes or more", () => {
  for (const { operations, processes } of STORIES) {
    expect(operations.length).toBeGreaterThanOrEqual(40);
    expect(processes.length).toBeGreaterThanOrEqual(2);
  }
});

it("no machine is suspended whose wall clock is set back: none of its clocks would see that time pass", () => {
  let [suspended, setBack] = [0, 0];
  for (const { faults } of STORIES) {
    const steps = faults.flatMap((fault) => (fault.kind === "stepProcessClock" ? [fault] : []));
    const back = new Set(steps.filter(({ ms }) => ms < 0).map(({ process }) => process));
    const suspends = faults.flatMap((fault) => (fault.kind === "suspend" ? [fault] : []));
    expect(suspends.filter(({ process }) => back.has(process))).toEqual([]);
    suspended += suspends.length;
    setBack += back.size;
  }
  expect(Math.min(suspended, setBack)).toBeGreaterThan(100);
});

const EXTRAS = ["minHold", "maxHold", "abortAfter", "extendTo", "ticketTo"] as const;

/** What there is in a story, in words. */
function wordsOf({ operations, faults, processes, topology }: Story): string[] {
  const clients = processes.map(({ retries, isDeaf }) => `${retries}${isDeaf ? " deaf" : ""}`);
  const struck = faults.map((fault) => {
    return `${topology} ${fault.kind}${"keepsData" in fault ? ` ${fault.keepsData}` : ""}`;
  });
  const wanted = operations.flatMap((operation): readonly string[] => {
    if (operation.kind !== "hold") return [operation.kind];
    const mode = `${topology} ${operation.mode.kind} of ${operation.keys.length}`;
    return [mode, operation.renew ? "renewed" : "not renewed", ...EXTRAS.filter((name) => operation[name])];
  });
  return [...clients, ...struck, ...wanted];
}

const FAULTS = [
  ...[
    "cut",
    "cutSubscriber",
    "forgeMessages",
    "forbidPublish",
    "forgetScripts",
    "halfOpen",
    "kill",
    "loseMessages",
    "pause",
    "suspend",
  ],
  ...["repeatMessages", "stepProcessClock", "trouble", "stepServerClock", "crash true", "crash false"],
];
const MODES = [
  ...[
    "exclusive of 1",
    "exclusive of 2",
    "read of 1",
    "read of 2",
    "write of 2",
    "permits of 1",
    "slot of 1",
  ],
];
const OTHERS = [
  ...EXTRAS,
  "not renewed",
  "close",
  "forceRelease",
  "resends",
  "rejects",
  "refuses",
  "resends deaf",
];

it("every mode, option, client and kind of fault is drawn", () => {
  const drawn = new Set(STORIES.flatMap(wordsOf));
  const wanted = [
    ...FAULTS.flatMap((kind) => [`single ${kind}`, `quorum ${kind}`]),
    "single failover",
    ...MODES.map((mode) => `single ${mode}`),
    ...OTHERS,
  ];
  expect(wanted.filter((word) => !drawn.has(word))).toEqual([]);
});

it("a server of a safe story keeps its data and its clock, and one node of a quorum at most does not", () => {
  for (const { seed, faults } of STORIES) {
    const harmful = faults.filter(
      (fault) =>
        fault.kind === "failover" ||
        fault.kind === "stepServerClock" ||
        (fault.kind === "crash" && !fault.keepsData),
    );
    const profile = profileOf(seed);
    if (profile === "single") expect(harmful).toEqual([]);
    if (profile === "unsafe") expect(harmful.length).toBeGreaterThan(0);
    if (profile !== "quorum") continue;
    // Or all of them restart, each long after the one before.
    const gaps = harmful.slice(1).map(({ at }, index) => at - (harmful[index]?.at ?? 0));
    if (harmful.length === 3 && gaps.every((gap) => gap >= 10_000)) continue;
    const servers = harmful.map((fault) => ("server" in fault ? fault.server : -1));
    expect(new Set(servers).size).toBeLessThanOrEqual(1);
    expect(harmful.map(({ kind }) => kind)).not.toContain("failover");
  }
});
