import { AsyncLocalStorage } from "node:async_hooks";
import { aroundEach, type ExpectStatic, expect as ofTheFile } from "vitest";
import { Room } from "./room.ts";

interface OwnTest {
  readonly expect: ExpectStatic;
  readonly ends: (() => unknown)[];
}

const tests = new AsyncLocalStorage<OwnTest>();

/** Vitest counts the wait for a turn as a hook of the test. */
const LONGEST_TURN = 600_000;

export interface OwnTestsOptions {
  /** How many of them run at the same time; what vitest allows when left out. */
  readonly atOnce?: number;
}

/**
 * To be called once in a file, outside of its tests. They may run at the same time then: `expect` and `whenOver` know
 * by which of them they were called, where vitest's own know of one test at a time.
 */
export function useOwnTests({ atOnce = Number.POSITIVE_INFINITY }: OwnTestsOptions = {}): void {
  const room = new Room(atOnce);
  aroundEach(async (runTest, { expect }) => {
    const ends: OwnTest["ends"] = [];
    await room.enter(1);
    try {
      await tests.run({ expect, ends }, runTest);
    } finally {
      room.leave(1);
      // What was opened last begins to close first: workers before the queues that they work on.
      await Promise.all(ends.reverse().map(async (end) => end()));
    }
  }, LONGEST_TURN);
}

/** Ends something when the test is over that calls this. */
export function whenOver(end: () => unknown): void {
  const test = tests.getStore();
  if (test === undefined) throw new Error("only within tests of a file that calls useOwnTests");
  test.ends.push(end);
}

/** Vitest's `expect`, whose `poll` is for tests that run at the same time, too. */
export const expect: ExpectStatic = new Proxy(ofTheFile, {
  get: (target, name) => Reflect.get(name === "poll" ? (tests.getStore()?.expect ?? target) : target, name),
});
