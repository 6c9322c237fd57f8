import { defineConfig } from "vitest/config";

/** For the validation suite of LangGraph, which wants the globals of a test runner of its own. */
export default defineConfig({
  test: { globals: true, include: ["validate.mjs"], testTimeout: 30_000 },
});
