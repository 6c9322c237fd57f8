import { defineConfig } from "vitest/config";
import { luaForVite } from "./packages/core/lua.ts";

/** What `pnpm test NAME` chose: exactly these files, where vitest's own filters take any path that has the word. */
const chosen: readonly string[] | undefined =
  process.env.LOCK_TEST_FILES && JSON.parse(process.env.LOCK_TEST_FILES);

const WITH_TESTS = ["packages/*", "tooling/*", "apps/*", "bench", "simulation", "proof", "regressions", "."];

const tests = (folder: string) => `${folder}/test/**/*.test.ts`;

/** Packing and compiling: `pnpm run check:published`, or `pnpm test published/`. */
const STATIC = "test/published/**";

/** Where each file has a process of its own: what was warned of once, and who hears the events of sockets, is told there. */
const FOLDERS_ALONE = ["packages/express", "packages/memory"];

/** Files that look at the timers and listeners of their process. */
const FILES_ALONE = [
  "packages/core/test/edges.test.ts",
  "packages/core/test/exports.test.ts",
  "packages/core/test/fake-timers.test.ts",
  "packages/core/test/quorum/queue-refusals.test.ts",
  "packages/core/test/safety/forgery-and-leaks.test.ts",
];

const ALONE = [...FOLDERS_ALONE.map(tests), ...FILES_ALONE];
const isAlone = (file: string) =>
  FILES_ALONE.includes(file) || FOLDERS_ALONE.some((folder) => file.startsWith(`${folder}/`));

export default defineConfig({
  plugins: [luaForVite],
  test: {
    globalSetup: ["./tooling/redis-harness/vitest-setup.ts"],
    pool: "forks",
    // Tests mostly wait: for leases to end, for servers to start and fail.
    maxWorkers: 5,
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
        test: { name: "alone", isolate: true, include: chosen?.filter(isAlone) ?? ALONE },
      },
      {
        extends: true,
        // A process for each file costs more than its tests.
        test: {
          name: "together",
          isolate: false,
          include: chosen?.filter((file) => !isAlone(file)) ?? WITH_TESTS.map(tests),
          exclude: chosen ? ALONE : [...ALONE, STATIC],
        },
      },
    ],
  },
});
