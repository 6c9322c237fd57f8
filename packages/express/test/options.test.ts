import { createLocks, LockUsageError } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { describe, expect, it } from "vitest";
import { idempotent, inProcessRecords } from "../src/idempotent.ts";
import { lockRoute } from "../src/index.ts";

const locks = createLocks({ backend: inProcessBackend() });
const any = (value: unknown) => value as never;

describe("lockRoute", () => {
  it.each([
    [undefined, "lockRoute: locks must be what createLocks returns, got undefined"],
    [{ locks: {}, key: "a" }, "lockRoute: locks must be what createLocks returns, got an object"],
    [{ key: "a" }, "lockRoute: locks must be what createLocks returns, got undefined"],
    [{ locks }, "lockRoute: key must be a string or a list of strings or a function, got undefined"],
    [{ locks, key: 7 }, "key must be a string or a list of strings or a function, got 7"],
    [
      { locks, key: "a", mode: "both" },
      "mode must be 'exclusive' or 'shared' or 'auto' or a function, got 'both'",
    ],
    [{ locks, key: "a", wait: -1 }, "wait must be a whole number from 0 or 'forever', got -1"],
    [{ locks, key: "a", wait: "5s" }, "wait must be a whole number from 0 or 'forever', got '5s'"],
    [{ locks, key: "a", ttl: 0 }, "ttl must be a whole number from 1, got 0"],
    [{ locks, key: "a", ttl: 1.5 }, "ttl must be a whole number from 1, got 1.5"],
    [{ locks, key: "a", maxHold: Number.POSITIVE_INFINITY }, "maxHold must be"],
    [{ locks, key: "a", skip: true }, "skip must be a function, got true"],
    [{ locks, key: "a", onDisconnect: "ignore" }, "onDisconnect must be 'abort-hold' or 'hold' or 'release'"],
    [
      { locks, key: "a", releaseAt: "end" },
      "releaseAt must be 'before-end' or 'after-end' or 'finish', got 'end'",
    ],
    [
      { locks, key: "a", onBackendError: null },
      "onBackendError must be 'fail' or 'open' or a function, got null",
    ],
    [
      { locks, key: "a", contentionStatus: 400 },
      "contentionStatus must be 409 or 423 or 429 or 503, got 400",
    ],
    [{ locks, key: "a", retryAfter: "1" }, "retryAfter must be a whole number from 0 or a function"],
    [{ locks, key: "a", handler: {} }, "handler must be a function, got an object"],
    [{ locks, key: "a", problem: true }, "problem must be an object, got true"],
    [{ locks, key: "a", validate: "yes" }, "validate must be true or false or an object"],
    [{ locks, key: "a", destroyOnLost: 1 }, "destroyOnLost must be true or false, got 1"],
    [
      { locks, key: "a", mode: "a function" },
      "mode must be 'exclusive' or 'shared' or 'auto' or a function, got 'a function'",
    ],
    [
      { locks, key: "a", waitMs: 5 },
      "lockRoute has no option 'waitMs', perhaps wait is meant; it has locks, wait, ttl",
    ],
  ])("refuses what is wrong: case %#", (options, message) => {
    expect(() => lockRoute(any(options))).toThrow(LockUsageError);
    expect(() => lockRoute(any(options))).toThrow(message);
  });

  it("refuses a handler that is none", () => {
    expect(() => lockRoute({ locks, key: "a" }, any("handler"))).toThrow(
      "lockRoute: handler must be a function, got a string of 7 characters",
    );
  });

  it("takes an undefined option as one that is left out", () => {
    expect(lockRoute(any({ locks, key: "a", wait: undefined, mode: undefined }))).toHaveLength(3);
  });
});

describe("idempotent", () => {
  const given = { locks, records: inProcessRecords(), tenant: () => "" };
  it.each([
    [undefined, "idempotent: locks must be what createLocks returns, got undefined"],
    [{ ...given, records: undefined }, "records must be an object, got undefined"],
    [{ ...given, tenant: undefined }, "tenant must be a function, got undefined"],
    [{ ...given, methods: "POST" }, "methods must be a list of strings, got a string of 4 characters"],
    [{ ...given, keepFor: 0 }, "keepFor must be a whole number from 1, got 0"],
    [{ ...given, maxBody: "1mb" }, "maxBody must be a whole number from 1, got a string of 3 characters"],
    [{ ...given, onDisconnect: "release" }, "onDisconnect must be 'abort-hold' or 'hold', got 'release'"],
    [{ ...given, key: "a" }, "idempotent has no option 'key'"],
  ])("refuses what is wrong: case %#", (options, message) => {
    expect(() => idempotent(any(options))).toThrow(LockUsageError);
    expect(() => idempotent(any(options))).toThrow(message);
  });

  it("refuses a handler that is none", () => {
    expect(() => idempotent(given, any(1))).toThrow("idempotent: handler must be a function, got 1");
  });
});
