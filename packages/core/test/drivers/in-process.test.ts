import { describe, it } from "vitest";
import { inProcessBackend } from "../../src/in-process.ts";
import { createLocks } from "../../src/index.ts";
import { backendSuite, locksSuite } from "../../src/testing.ts";

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

locksSuite({
  api,
  name: "in-process",
  open: async () => {
    const backend = inProcessBackend();
    return { one: createLocks({ backend }), two: createLocks({ backend }), close };
  },
});
