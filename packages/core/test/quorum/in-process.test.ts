import { fewOrMany } from "@lock/redis-harness/vitest";
import { inProcessBackend } from "../../src/in-process.ts";
import { createLocks, type LockBackend } from "../../src/index.ts";
import { quorumBackend } from "../../src/quorum.ts";
import { backendSuite, locksSuite, modesSuite } from "../../src/testing.ts";
import { alone, atOnce } from "../support/suites.ts";

const close = async () => {};

for (const count of [3, 2, 5, 4].slice(0, fewOrMany(2, 4))) {
  const openTwo = () => {
    const nodes = Array.from({ length: count }, () => inProcessBackend());
    const open = (): LockBackend => quorumBackend(nodes, { maxTtl: 3_600_000 });
    return { one: open(), two: open() };
  };
  const openLocks = async () => {
    const { one, two } = openTwo();
    return { one: createLocks({ backend: one }), two: createLocks({ backend: two }), close };
  };
  const name = `quorum of ${count} in-process nodes`;

  backendSuite({ api: atOnce, name, open: async () => ({ ...openTwo(), close }) });
  locksSuite({ api: atOnce, name, open: openLocks });
  // Some of its leases are over in 30 ms: others must not hold up the process.
  modesSuite({ api: alone, name, open: openLocks, permits: false });
}
