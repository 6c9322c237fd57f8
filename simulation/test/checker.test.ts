import { fewOrMany } from "@lock/redis-harness/vitest";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type Attempt,
  check,
  type History,
  openWasmoon,
  type Promised,
  play,
  storyOf,
} from "../src/index.ts";

/** Histories in which nothing is wrong. */
const HISTORIES = fewOrMany(100, 1_000);
/** In so many of them something is planted. */
const PLANTED = 10;

const histories: History[] = [];
beforeAll(async () => {
  const vm = await openWasmoon();
  for (let seed = 1; seed <= HISTORIES; seed++)
    histories.push((await play(storyOf(seed, "single"), vm)).history);
}, 300_000);

it("nothing is wrong with them", () => {
  expect(histories.flatMap((history) => check(history))).toEqual([]);
});

/** The same history, in which attempts are as `change` makes them; undefined where nothing of it can be changed. */
type Plant = (history: History) => Partial<History> | undefined;

/** Changes the first attempt for which there is a change. */
function changeOne(
  { attempts }: History,
  change: (attempt: Attempt, all: readonly Attempt[]) => Attempt | undefined,
): Partial<History> | undefined {
  for (const [place, attempt] of attempts.entries()) {
    const changed = change(attempt, attempts);
    if (changed !== undefined) return { attempts: attempts.with(place, changed) };
  }
  return undefined;
}

/** The same attempt, believed in until then, whatever ended it before. */
function believedUntil(attempt: Attempt, until: number): Attempt {
  const { lostAt, handedOverAt, closedAt, ...rest } = attempt;
  return { ...rest, validUntil: until, releaseInvokedAt: until, releasedAt: until };
}

const isAlone = ({ mode, keys, end, isAdopted }: Attempt) =>
  mode.kind === "exclusive" && keys.length === 1 && end === "granted" && !isAdopted;

/** The next one that got the same key alone. */
function nextOf(attempt: Attempt, all: readonly Attempt[]): Attempt | undefined {
  return all.find(
    (other) =>
      isAlone(other) && other.keys[0] === attempt.keys[0] && other.invokedAt > (attempt.endedAt ?? 0),
  );
}

const PLANTS: readonly (readonly [promise: Promised, what: string, plant: Plant])[] = [
  [
    "exclusion",
    "a lease is believed until another one of its key was granted",
    (history) => {
      const plant = changeOne(history, (attempt, all) => {
        const next = isAlone(attempt) ? nextOf(attempt, all) : undefined;
        if (next?.endedAt === undefined || (next.releaseInvokedAt ?? 0) <= next.endedAt + 1) return undefined;
        return believedUntil(attempt, next.endedAt + 1);
      });
      return plant && { ...plant, forced: [], killed: new Map() };
    },
  ],
  [
    "exclusion",
    "one more holds a permit than there are",
    (history) => {
      const held = history.attempts.filter(({ mode, end }) => mode.kind === "permits" && end === "granted");
      if (held.length < 4) return undefined;
      const from = Math.max(...held.map(({ endedAt = 0 }) => endedAt));
      const all = history.attempts.map((attempt) =>
        held.includes(attempt) ? believedUntil(attempt, from + 5) : attempt,
      );
      return { attempts: all, forced: [], killed: new Map() };
    },
  ],
  [
    "fence",
    "a later lease has a smaller token",
    (history) =>
      changeOne(history, (attempt, all) => {
        const before = all.find((other) => isAlone(other) && nextOf(other, all) === attempt);
        return before?.fencingToken === undefined
          ? undefined
          : { ...attempt, fencingToken: before.fencingToken - 1 };
      }),
  ],
  [
    "fence",
    "two leases have one token",
    (history) =>
      changeOne(history, (attempt, all) => {
        const before = all.find((other) => isAlone(other) && nextOf(other, all) === attempt);
        return before?.fencingToken === undefined
          ? undefined
          : { ...attempt, fencingToken: before.fencingToken };
      }),
  ],
  [
    "order",
    "who came later is served first",
    (history) => {
      const plant = changeOne(history, (attempt, all) => {
        const next = isAlone(attempt) ? nextOf(attempt, all) : undefined;
        if (next?.endedAt === undefined) return undefined;
        const waitingAt = attempt.invokedAt;
        return {
          ...attempt,
          waitingAt,
          endedAt: next.endedAt + 1,
          fencingToken: (next.fencingToken ?? 0) + 1,
        };
      });
      return (
        plant && {
          ...plant,
          struck: [],
          forced: [],
          story: {
            ...history.story,
            processes: history.story.processes.map((cast) => ({ ...cast, isDeaf: false })),
            weather: { ...history.story.weather, slow: 0 },
          },
        }
      );
    },
  ],
  [
    "bounded waiting",
    "an acquire never ends",
    (history) =>
      changeOne(history, ({ end, ...attempt }) =>
        end === "granted" && !history.killed.has(attempt.process) ? attempt : undefined,
      ),
  ],
  [
    "bounded waiting",
    "an acquire ends only since everybody closes",
    (history) =>
      changeOne(history, (attempt) => {
        if (attempt.wait !== "forever" || history.killed.has(attempt.process)) return undefined;
        return { ...attempt, end: "closed", endedAt: history.settledAt };
      }),
  ],
  [
    "bounded waiting",
    "an acquire ends long after its wait",
    (history) =>
      changeOne(history, (attempt) => {
        const { end, wait, invokedAt, process, pausedWhileWaiting = 0 } = attempt;
        if (end !== "timeout" || wait === "forever" || history.killed.has(process)) return undefined;
        return { ...attempt, endedAt: invokedAt + pausedWhileWaiting + wait + 1_400 };
      }),
  ],
  [
    "loss told",
    "a lease had ended, and its holder heard of it later",
    (history) =>
      changeOne(history, (attempt) => {
        const { end, isClockStepped, releaseInvokedAt, process, endedAt = 0 } = attempt;
        const isPaused = history.pauses.some((pause) => pause.process === process);
        if (end !== "granted" || isClockStepped || isPaused || releaseInvokedAt === undefined)
          return undefined;
        return releaseInvokedAt > endedAt + 30
          ? { ...attempt, validUntil: releaseInvokedAt - 20 }
          : undefined;
      }),
  ],
  [
    "outcome",
    "a release is told that was none",
    (history) =>
      changeOne(history, (attempt) =>
        attempt.release === "released" ? { ...attempt, isStillThere: true } : undefined,
      ),
  ],
  [
    "outcome",
    "a ticket is refused as stolen, and nobody took the key",
    (history) => {
      const plant = changeOne(history, (attempt) => {
        if (!attempt.isAdopted || attempt.end !== "granted") return undefined;
        return { ...attempt, end: "ticket refused", error: { reason: "stolen" } };
      });
      return plant && { ...plant, forced: [] };
    },
  ],
  [
    "outcome",
    "a warning that nobody expects",
    () => ({ warnings: ["the counter had a value that no lock writes"] }),
  ],
  [
    "nothing left",
    "a key is left on the server",
    () => ({ left: ["server 1 still has the keys lock:{one}"] }),
  ],
  ["nothing left", "a rejection is not handled", () => ({ unhandled: ["Error: nobody heard"] })],
];

describe.each(PLANTS)("%s: %s", (promise, _what, plant) => {
  it("is found wherever it is planted", () => {
    const planted = histories.flatMap((history) => {
      const change = plant(history);
      return change === undefined ? [] : [{ ...history, ...change }];
    });
    expect(planted.length).toBeGreaterThan(HISTORIES / 50);
    for (const history of planted.slice(0, PLANTED)) {
      expect(check(history).map((violation) => violation.promise)).toContain(promise);
    }
  });
});
