import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { TestApi } from "@lock/core/testing";
import type { RecordStore } from "../idempotency/records.ts";

/** A store of records that is empty, and how to close it. */
export interface OpenRecords {
  readonly records: RecordStore;
  close(): Promise<unknown>;
}

/** What the author of a store gives. */
export interface RecordsSuiteOptions {
  /** `describe` and `it` of vitest, node:test or jest. */
  readonly api: TestApi;
  readonly name: string;
  open(): Promise<OpenRecords>;
}

const LONG = 60_000;
/** Long enough to be read before it is over. */
const SHORT = 400;

/**
 * The contract of `RecordStore`, as tests: run it from a test file of your store. A store without `replace` is tested
 * for the rest; it fits `onAbandoned: "run"` only.
 * @example
 * recordsSuite({ api: { describe, it }, name: "ours", open: async () => ({ records: ours(), close: async () => {} }) });
 */
export function recordsSuite({ api, name, open }: RecordsSuiteOptions): void {
  const test = (title: string, body: (records: RecordStore) => Promise<void>) =>
    api.it(title, async () => {
      const { records, close } = await open();
      try {
        await body(records);
      } finally {
        await close();
      }
    });
  api.describe(`records: ${name}`, () => {
    keeping(test);
    replacing(test);
  });
}

type Test = (title: string, body: (records: RecordStore) => Promise<void>) => void;

function keeping(test: Test): void {
  test("has no record at first, and tells so by null", async (records) => {
    assert.equal(await records.read("a"), null);
  });

  test("keeps any text for its id", async (records) => {
    const odd = 'line\r\nbreak \u0000 zero, "quoted", ünïcödé 🔒';
    await records.write("a", odd, LONG);
    await records.write("b", "", LONG);
    assert.deepEqual([await records.read("a"), await records.read("b")], [odd, ""]);
  });

  test("keeps the first record: another write changes neither it nor its time", async (records) => {
    await records.write("a", "first", SHORT);
    await records.write("a", "second", LONG);
    assert.equal(await records.read("a"), "first");
    await pause(SHORT + 100);
    assert.equal(await records.read("a"), null);
  });

  test("keeps the first of many that come at once", async (records) => {
    const texts = Array.from({ length: 20 }, (_, index) => "record".repeat(20 - index));
    const seen = await Promise.all(
      texts.map(async (text) => {
        await records.write("a", text, LONG);
        return records.read("a");
      }),
    );
    assert.equal(new Set(seen).size, 1, "two were told another record");
  });

  test("forgets a record after its time, and takes another one then", async (records) => {
    await records.write("a", "first", SHORT);
    await pause(SHORT + 100);
    assert.equal(await records.read("a"), null);
    await records.write("a", "second", LONG);
    assert.equal(await records.read("a"), "second");
  });
}

function replacing(test: Test): void {
  const testReplace = (
    title: string,
    body: (records: RecordStore, replace: NonNullable<RecordStore["replace"]>) => Promise<void>,
  ) =>
    test(title, async (records) => {
      if (records.replace !== undefined) await body(records, records.replace.bind(records));
    });

  testReplace(
    "replaces the record that it is told, and gives it a time of its own",
    async (records, replace) => {
      await records.write("a", "old", LONG);
      assert.equal(await replace("a", "old", "new", SHORT), true);
      assert.equal(await records.read("a"), "new");
      await pause(SHORT + 100);
      assert.equal(await records.read("a"), null);
    },
  );

  testReplace("takes a record away", async (records, replace) => {
    await records.write("a", "old", LONG);
    assert.equal(await replace("a", "old", null, LONG), true);
    assert.equal(await records.read("a"), null);
  });

  testReplace("leaves another record alone, and says so", async (records, replace) => {
    await records.write("a", "other", LONG);
    assert.equal(await replace("a", "old", "new", LONG), false);
    assert.equal(await replace("a", "old", null, LONG), false);
    assert.equal(await records.read("a"), "other");
    assert.equal(await replace("b", "old", "new", LONG), false);
    assert.equal(await records.read("b"), null);
  });

  testReplace("lets one of many that come at once replace it", async (records, replace) => {
    await records.write("a", "old", LONG);
    const tries = Array.from({ length: 20 }, (_, index) => replace("a", "old", `new ${index}`, LONG));
    const outcomes = await Promise.all(tries);
    assert.equal(outcomes.filter(Boolean).length, 1, "the record was replaced twice");
    assert.equal(await records.read("a"), `new ${outcomes.indexOf(true)}`);
  });
}
