import { beforeEach, describe, expect, it } from "vitest";
import { inProcessBackend } from "../src/in-process.ts";
import { type AcquireOptions, createLocks, type Locks, LockUsageError } from "../src/index.ts";
import { FaultyBackend } from "../src/testing.ts";

let backend: FaultyBackend;
let locks: Locks;

beforeEach(() => {
  backend = new FaultyBackend(inProcessBackend());
  locks = createLocks({ backend });
});

/** What a caller without a type checker may pass. */
const any = (value: unknown): never => value as never;

describe("what is wrong with a mode, a hold or a ticket is refused before anything is sent", () => {
  it.each([0, -1, 1.5, Number.NaN, 1_000_001, Number.POSITIVE_INFINITY, "2", null, undefined])(
    "permits and size: %s",
    (count) => {
      const permits = /permits must be a whole number from 1 to 1000000, got/;
      expect(() => locks.semaphore("key", { permits: any(count) })).toThrow(permits);
      expect(() => locks.semaphore("key", { permits: any(count) })).toThrow(LockUsageError);
      const size = /size must be a whole number from 1 to 1000, got/;
      expect(() => locks.pool("key", { size: any(count) })).toThrow(size);
      expect(() => locks.pool("key", { size: any(count) })).toThrow(LockUsageError);
    },
  );

  it("permits, size: no options at all, and a wrong name", () => {
    expect(() => locks.semaphore("key", any(undefined))).toThrow(LockUsageError);
    expect(() => locks.pool("key", any(undefined))).toThrow(LockUsageError);
    expect(() => locks.pool("key", { size: 1_001 })).toThrow(/from 1 to 1000, got 1001/);
    expect(() => locks.semaphore("", { permits: 1 })).toThrow(/non-empty string/);
    expect(() => locks.pool(any(7), { size: 1 })).toThrow(/non-empty string, got 7/);
    expect(() => locks.readWrite("")).toThrow(/non-empty string/);
  });

  it.each([0, -1, 5, 1.5, Number.NaN, "2", null])("slot: %s", async (slot) => {
    const pool = locks.pool("key", { size: 4 });
    await expect(pool.acquire({ slot: any(slot) })).rejects.toThrow(
      /slot must be a whole number from 1 to 4, got/,
    );
    await expect(pool.tryAcquire({ slot: any(slot) })).rejects.toBeInstanceOf(LockUsageError);
    await expect(pool.using({ slot: any(slot) }, () => 1)).rejects.toBeInstanceOf(LockUsageError);
    expect(backend.calls.tryAcquire).toBe(0);
  });

  const holds: readonly [string, AcquireOptions, RegExp][] = [
    ["maxHold 0", { maxHold: 0 }, /maxHold must be a whole number of milliseconds from 1 to/],
    ["maxHold", { maxHold: any("1h") }, /maxHold must be .*, got a string of 2 characters$/],
    ["minHold", { minHold: -1 }, /minHold must be a whole number of milliseconds from 0 to 86400000, got -1/],
    ["minHold over maxTtl", { minHold: 86_400_001 }, /minHold must be .* to 86400000, got 86400001/],
    ["atomic", { atomic: any(1) }, /atomic must be true or false, got 1/],
    ["within", { within: any({ keys: ["key"] }) }, /within must be a lease that these locks granted, got/],
    ["within null", { within: any(null) }, /within must be a lease that these locks granted, got null/],
  ];
  it.each(holds)("%s", async (_, option, message) => {
    await expect(locks.acquire("key", option)).rejects.toThrow(message);
    await expect(locks.tryAcquire("key", option)).rejects.toBeInstanceOf(LockUsageError);
    expect(backend.calls.tryAcquire).toBe(0);
  });

  it.each([
    undefined,
    null,
    42,
    "ticket",
    {},
    { version: 2 },
    { version: 1 },
    { version: 1, token: "t", check: 7 },
  ])("ticket: %j", async (ticket) => {
    await expect(locks.adopt(any(ticket))).rejects.toThrow(
      /a ticket must be a value that lease\.toTicket\(\) returned/,
    );
    await expect(locks.adopt(any(ticket))).rejects.toBeInstanceOf(LockUsageError);
    expect(backend.calls.adopt).toBe(0);
  });

  it("ticket: altered in any field, of another prefix, or with a ttl that is too long here", async () => {
    const ticket = (await locks.acquire("key", { meta: { job: "7" }, maxHold: 60_000 })).toTicket();
    const changes = Object.entries({
      prefix: "other",
      keys: ["other"],
      mode: { kind: "shared" },
      token: "A".repeat(22),
      fencingToken: 1,
      ttl: 1,
      renew: false,
      minHold: 1,
      maxHold: 1,
      meta: { job: "8" },
      proof: "many",
      check: "",
      extra: 1,
    });
    for (const [field, value] of changes) {
      const altered = { ...ticket, [field]: value };
      await expect(locks.adopt(any(altered)), field).rejects.toThrow(/the ticket was altered/);
    }
    const disguised = { ...ticket, mode: [["kind", "exclusive"]], meta: [["job", "7"]] };
    await expect(locks.adopt(any(disguised))).rejects.toThrow(/the ticket was altered/);
    const elsewhere = createLocks({ backend, prefix: "elsewhere" });
    await expect(elsewhere.adopt(ticket)).rejects.toThrow(
      /the ticket has the prefix "lock", but these locks have "elsewhere"/,
    );
    const brief = createLocks({ backend, maxTtl: 1_000 });
    await expect(brief.adopt(ticket)).rejects.toThrow(
      /the ticket's ttl must be .* from 1 to 1000, got 30000/,
    );
    expect(backend.calls.adopt).toBe(0);
    expect(JSON.stringify(await locks.adopt(any(null)).catch(String))).not.toContain(ticket.token);
    await (await locks.adopt(ticket)).release();
  });

  it("a semaphore or a pool on a backend that cannot grant permits, by its type and at run time", () => {
    class Quorum extends FaultyBackend {
      override get capabilities() {
        return { ...super.capabilities, permits: false } as const;
      }
    }
    const limited = createLocks({ backend: new Quorum(inProcessBackend()) });
    // @ts-expect-error: the type has no semaphore
    expect(() => limited.semaphore("key", { permits: 2 })).toThrow(LockUsageError);
    // @ts-expect-error: the type has no pool
    expect(() => limited.pool("key", { size: 2 })).toThrow(/a pool is not possible on faulty in-process/);
    expect(limited.readWrite("key").read).toBeDefined();
  });
});
