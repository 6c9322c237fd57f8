/** Tests that run together. */
export interface Suite {
  readonly name: string;
  /** Patterns of test files, from the root; or a command that fails where a test does. */
  readonly run: { readonly tests: readonly string[] } | { readonly command: readonly [string, ...string[]] };
  /** Whether its processes load what was built. */
  readonly needsDist: boolean;
  /** Milliseconds; about five times what it takes on two free cores. */
  readonly timeout: number;
  /** Folders of which it loads nothing: it is not asked about mutants that change nothing else. */
  readonly blindTo: readonly string[];
}

/** How the part of the repository that the mutants are in is built. */
export interface Build {
  readonly folder: string;
  readonly command: readonly [string, ...string[]];
}

/** Without types: nothing loads them at run time. */
export const BUILD: Build = {
  folder: "packages/core",
  command: ["node", "node_modules/tsup/dist/cli-default.js", "--no-dts", "--silent"],
};

const BACKENDS = "packages/core/src/backends";
const REDIS = `${BACKENDS}/redis/`;
const QUORUM = `${BACKENDS}/quorum/`;
const IN_PROCESS = `${BACKENDS}/in-process/`;

const named = (folder: string, ...names: string[]) =>
  names.map((name) => `packages/core/test/${folder}${name}.test.ts`);

/** From the fastest to the slowest. */
export const SUITES: readonly Suite[] = [
  {
    name: "in-process",
    run: {
      tests: [
        ...named(
          "",
          "lease",
          "positions",
          "relays",
          "relay-ends",
          "ended-meanwhile",
          "deadline",
          "acquire-events",
          "holding",
          "lazy-abort",
          "bad-input-modes",
        ),
        ...named("drivers/", "in-process"),
      ],
    },
    needsDist: true,
    timeout: 90_000,
    blindTo: [REDIS, QUORUM],
  },
  {
    name: "rules",
    run: {
      tests: [
        ...named("", "server-time", "several-keys", "fencing", "cross-slot"),
        ...named("safety/", "late-answers", "offers", "passed-over", "held-by-many", "in-line", "closing"),
        ...named("safety/", "shared-places", "short-way", "wake", "forced-release", "reserved-fences"),
        ...named("safety/", "in-time", "late-release", "first-waiter", "line-rules", "older-state"),
      ],
    },
    needsDist: false,
    timeout: 120_000,
    blindTo: [IN_PROCESS, QUORUM],
  },
  {
    name: "one-redis",
    run: { tests: named("drivers/", "ioredis-6") },
    needsDist: false,
    timeout: 150_000,
    blindTo: [IN_PROCESS, QUORUM],
  },
  {
    name: "quorum",
    run: {
      tests: named(
        "quorum/",
        ...[
          "in-process",
          "redis",
          "retry",
          "contenders",
          "votes",
          "close",
          "blocked-node",
          "refusals",
          "away",
        ],
        ...["undo", "majority", "stopped", "clock-steps", "failing-nodes", "queue-refusals", "validity"],
      ),
    },
    needsDist: false,
    timeout: 240_000,
    blindTo: [],
  },
  {
    name: "faults",
    run: {
      tests: [
        ...named("", "closing", "faults", "edges"),
        ...named("safety/", "sent-twice", "forgery-and-leaks", "clocks", "scripts", "giving-up"),
        ...named("safety/", "lost-connections"),
      ],
    },
    needsDist: false,
    timeout: 240_000,
    blindTo: [],
  },
  {
    name: "topologies",
    run: {
      tests: [
        ...named("topologies/", "replicas", "cluster-enabled", "cluster-load"),
        ...named("drivers/", "cluster"),
      ],
    },
    needsDist: false,
    timeout: 240_000,
    blindTo: [IN_PROCESS, QUORUM],
  },
  {
    name: "random",
    run: {
      tests: [
        ...named("", "interleavings", "interleavings-modes"),
        ...named("safety/", "processes"),
        ...named("histories/", "semaphore", "several-keys", "many-waiters"),
      ],
    },
    needsDist: true,
    timeout: 480_000,
    blindTo: [QUORUM],
  },
  {
    name: "quorum-faults",
    run: {
      tests: named(
        "quorum/",
        ...["explorer/explorer", "restarts", "lost-data", "emptied", "rolling-restarts"],
      ),
    },
    needsDist: false,
    timeout: 480_000,
    blindTo: [],
  },
];
