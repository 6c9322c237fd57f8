import { describe, it } from "vitest";
import { inProcessBackend } from "../../src/in-process.ts";
import { createLocks } from "../../src/index.ts";
import { backendSuite, locksSuite, modesSuite } from "../../src/testing.ts";
import { runMutexSuites } from "../support/suites.ts";

const api = { describe, it };
const close = async () => {};

backendSuite({
  api,
  name: "in-process",
  open: async () => {
    const backend = inProcessBackend();
    return { one: backend, two: backend, close };
  },
});

const openLocks = async () => {
  const backend = inProcessBackend();
  return { one: createLocks({ backend }), two: createLocks({ backend }), close };
};
locksSuite({ api, name: "in-process", open: openLocks });
modesSuite({ api, name: "in-process", open: openLocks });
runMutexSuites("in-process", openLocks);
