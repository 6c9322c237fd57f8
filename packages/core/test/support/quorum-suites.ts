import { describe, it } from "vitest";
import { createLocks } from "../../src/index.ts";
import { backendSuite, locksSuite, modesSuite } from "../../src/testing.ts";
import { openTwo, useNodes } from "./quorum.ts";

const api = { describe, it };
const HOUR = 3_600_000;

/** All suites that a quorum of so many servers has to pass. */
export function redisQuorumSuites(count: number): void {
  const servers = useNodes(count);
  const name = `quorum of ${count} Redis servers, with clients of all libraries`;
  // A busy machine is no node that is away.
  const open = () => openTwo(servers.urls, { maxTtl: HOUR, nodeTimeout: 2_000 });
  const openLocks = async () => {
    const { one, two, close } = await open();
    return { one: createLocks({ backend: one }), two: createLocks({ backend: two }), close };
  };

  backendSuite({ api, name, open });
  locksSuite({ api, name, open: openLocks });
  modesSuite({ api, name, open: openLocks, permits: false });
}
