import { expect, it } from "vitest";
import { LazyAbort } from "../src/lease/lazy-abort.ts";

const gone = new Error("gone");

it("aborts a signal that was asked for before, and one that is asked for after", () => {
  const early = new LazyAbort();
  const { signal } = early;
  expect(signal.aborted).toBe(false);
  early.abort(gone);
  expect(signal.reason).toBe(gone);
  const late = new LazyAbort();
  late.abort(gone);
  expect(late.aborted).toBe(true);
  expect(late.signal.reason).toBe(gone);
  expect(late.signal).toBe(late.signal);
});

it("keeps the first reason", () => {
  const abort = new LazyAbort();
  abort.abort(gone);
  abort.abort(new Error("later"));
  expect(abort.signal.reason).toBe(gone);
});

it.each(["before", "after"])("follows its parent, which aborts %s its signal is asked for", (when) => {
  const parent = new AbortController();
  const abort = new LazyAbort(parent.signal);
  if (when === "after") expect(abort.signal.aborted).toBe(false);
  expect(abort.aborted).toBe(false);
  parent.abort(gone);
  expect(abort.aborted).toBe(true);
  expect(abort.signal.reason).toBe(gone);
});
