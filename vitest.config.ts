import { defineConfig } from "vitest/config";
import { luaForVite } from "./packages/core/lua.ts";

/** What `pnpm test NAME` chose: exactly these files, where vitest's own filters take any path that has the word. */
const chosen = process.env.LOCK_TEST_FILES;

export default defineConfig({
  plugins: [luaForVite],
  test: {
    include: chosen
      ? JSON.parse(chosen)
      : [
          "packages/*/test/**/*.test.ts",
          "tooling/*/test/**/*.test.ts",
          "apps/*/test/**/*.test.ts",
          "bench/test/**/*.test.ts",
          "test/**/*.test.ts",
        ],
    globalSetup: ["./tooling/redis-harness/vitest-setup.ts"],
    pool: "forks",
    maxWorkers: 3,
    // The default of a second is not much for a loaded machine.
    expect: { poll: { timeout: 10_000 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: process.env.CI ? ["default", "json"] : ["default"],
    outputFile: { json: "reports/vitest.json" },
  },
});
