import { defineConfig } from "vitest/config";
import { luaForVite } from "./packages/core/lua.ts";
import { LEFT_OUT } from "./test/support/groups.ts";
import { LongestFirst } from "./test/support/longest-first.ts";

/** What `pnpm test NAME` chose: exactly these files, where vitest's own filters take any path that has the word. */
const chosen: readonly string[] | undefined =
  process.env.LOCK_TEST_FILES && JSON.parse(process.env.LOCK_TEST_FILES);

const WITH_TESTS = ["packages/*", "tooling/*", "apps/*", "bench", "simulation", "proof", "regressions", "."];

/** Those of these files that were chosen. */
const among = (files: readonly string[]) => chosen?.filter((file) => files.includes(file)) ?? [...files];

const tests = (folder: string) => `${folder}/test/**/*.test.ts`;

/** Files that look at the timers, listeners and warnings of their process: each has one of its own. */
const ALONE = [
  "packages/core/test/edges.test.ts",
  "packages/core/test/exports.test.ts",
  "packages/core/test/fake-timers.test.ts",
  "packages/core/test/quorum/queue-refusals.test.ts",
  "packages/core/test/safety/forgery-and-leaks.test.ts",
  "packages/express/test/connections.test.ts",
  "packages/memory/test/late-saves.test.ts",
];

/** Campaigns that measure time with the whole machine at work: they run one after the other when all else is done. */
const MEASURING = [
  "packages/core/test/clients/matrix.test.ts",
  "packages/core/test/histories/many-waiters.test.ts",
];

const APART = [...ALONE, ...MEASURING];

export default defineConfig({
  plugins: [luaForVite],
  test: {
    // CI runs vitest five times, and people many times: what was transformed once is read from node_modules.
    experimental: { fsModuleCache: true },
    globalSetup: ["./tooling/redis-harness/vitest-setup.ts"],
    pool: "forks",
    sequence: { sequencer: LongestFirst },
    // Tests mostly wait: for leases to end, for servers to start and fail. With three, two cores are idle a quarter of
    // the time; with five they do a fifth more work, since each process loads all clients and frameworks (ADR 21).
    maxWorkers: 4,
    // The default of a second is not much for a loaded machine.
    expect: { poll: { timeout: 10_000 } },
    // A campaign tries many times as long.
    testTimeout: process.env.LOCK_CAMPAIGN ? 3_600_000 : 60_000,
    hookTimeout: 60_000,
    reporters: process.env.CI ? ["default", "json"] : ["default"],
    outputFile: { json: `reports/${process.env.LOCK_TEST_REPORT ?? "vitest"}.json` },
    projects: [
      {
        extends: true,
        test: {
          name: "alone",
          isolate: true,
          include: among(ALONE),
        },
      },
      {
        extends: true,
        // A process for each file costs more than its tests.
        test: {
          name: "together",
          isolate: false,
          include: chosen?.filter((file) => !APART.includes(file)) ?? WITH_TESTS.map(tests),
          exclude: chosen ? APART : [...APART, ...LEFT_OUT],
        },
      },
      {
        extends: true,
        test: {
          name: "measuring",
          isolate: false,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
          include: chosen ? among(MEASURING) : [],
        },
      },
    ],
  },
});
