import { createLocks, LockUsageError } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { describe, expect, it } from "vitest";
import type { QueueLike } from "../src/bullmq.ts";
import { type GuardOptions, guardJobs } from "../src/index.ts";

const locks = createLocks({ backend: inProcessBackend() });
const key = () => "key";
const make = (options: object) => () =>
  guardJobs({ locks, key, strategy: "while-executing", ...options } as GuardOptions);

/** A queue that must not be touched. */
const untouched: QueueLike = {
  name: "untouched",
  add: () => Promise.reject(new Error("something was added")),
  addBulk: () => Promise.reject(new Error("something was added")),
  getJob: () => Promise.reject(new Error("something was asked for")),
};

describe("guardJobs refuses", () => {
  it.each([
    [{ locks: {} }, /locks must be what createLocks returns/],
    [{ strategy: "unique" }, /strategy must be .*until-executing.*got 'unique'/],
    [{ key: "report" }, /key must be a function or an object, got 'report'/],
    [{ key: { hash: "name" } }, /hash must be 'data' or a list of strings, got 'name'/],
    [{ unique: true }, /guardJobs has no option 'unique'/],
    [{ strategy: "until-expired" }, /"until-expired" needs a window/],
    [{ window: 1_000 }, /window has no meaning for "while-executing"/],
    [{ onConflict: { enqueue: "throw" } }, /onConflict.enqueue has no meaning for "while-executing"/],
    [{ strategy: "until-executed", limit: 2 }, /limit has no meaning .* use "while-executing"/],
    [{ strategy: "until-executed", onConflict: { execute: "fail" } }, /execute has no meaning/],
    [
      { strategy: "until-executed", onConflict: { enqueue: "keep-latest" } },
      /"keep-latest" would keep the latest out .* use "until-executing"/,
    ],
    [
      { strategy: "until-expired", window: 1_000, onConflict: { enqueue: "replace" } },
      /"replace" has no meaning for "until-expired"/,
    ],
    [{ key: { hash: [] } }, /gives all jobs of a name the same key.*\{ hash: "data" \}/],
    [{ onConflict: { execute: "drop" } }, /execute must be .*'cancel-holder'.*got 'drop'/],
    [{ reschedule: { min: 0 } }, /min must be a whole number from 1, got 0/],
    [{ reschedule: { jitter: 2 } }, /jitter must be a number from 0 to 1, got 2/],
    [{ reschedule: { min: 500, max: 100 } }, /reschedule.min .*500.* reschedule.max .*100/],
    [{ limit: 0 }, /limit must be a whole number from 1/],
    [{ wait: -1 }, /wait must be/],
    [{ onBackendError: "ignore" }, /onBackendError must be/],
  ])("%j", (options, message) => {
    expect(make(options)).toThrow(LockUsageError);
    expect(make(options)).toThrow(message);
  });
});

describe("a key", () => {
  const refuse = (options: object, data: unknown) =>
    expect(make({ strategy: "until-executed", ...options })().add(untouched, "build", data)).rejects;

  it.each([undefined, "", 42, {}])("may not be %j", async (made) => {
    await refuse({ key: () => made }, {}).toThrow(
      /job "build" of the queue "untouched" has no key, the function gave/,
    );
  });

  it("is refused with its reason when its function throws, and nothing is added", async () => {
    const throwing = ({ data }: { data: { id: { text: string } } }) => data.id.text;
    await refuse({ key: throwing }, {}).toThrow(/the function threw TypeError.*report-\$\{data.id\}/);
  });

  it("may not be a hash of a field that a job does not have, or of what JSON cannot keep", async () => {
    await refuse({ key: { hash: ["id"] } }, { name: "sales" }).toThrow(
      /its field "id", which this job does not have/,
    );
    await refuse({ key: { hash: "data" } }, { n: 1n }).toThrow(/must be what JSON can keep/);
    await refuse({ key: { hash: "data" } }, () => "built").toThrow(/must be what JSON can keep/);
  });

  it.each(["42", "report:42", "guard-42", ""])("goes with no jobId like %j", async (jobId) => {
    const guard = make({ strategy: "until-executed" })();
    const added = guard.add(untouched, "build", {}, { jobId });
    await expect(added).rejects.toThrow(/a jobId must not be a whole number, contain ":".*report-42/);
  });
});

it.each(["inspect", "release"] as const)(
  "%s needs the name of a queue where each has keys of its own",
  async (method) => {
    await expect(make({})()[method]("key")).rejects.toThrow(
      /needs the name of the queue.*\(key, queue.name\)/,
    );
    await expect(make({ scope: "global" })()[method]("key")).resolves.toBeDefined();
  },
);
