/**
 * Tests that `pnpm test` without names leaves out, since they take too long for a command that people run all the time:
 * patterns of paths. Each group runs by its name, `pnpm test published`, and CI runs them all.
 */
export const GROUPS = {
  /** They pack and compile what is published, and look at its types. */
  published: ["test/published/**", "packages/cli/test/packed.test.ts", "regressions/test/types.test.ts"],
  /** They start the command many times: in terminals, with children that outlive it, on clusters. */
  terminals: ["packages/cli/test/{run,run-hurt,terminal,tickets,topologies,without-dash}.test.ts"],
  /** They need PostgreSQL. */
  postgres: ["packages/{bullmq,memory}/test/postgres*.test.ts"],
  /** They start each demo as a user does, and look at its pages in a browser. */
  demos: ["apps/*/test/**"],
  /** They are about what this repository is tested, measured and run with. */
  tools: ["tooling/*/test/**", "bench/test/**", "proof/test/**", "test/run.test.ts"],
  /**
   * Random histories of processes that are killed on the way, all states of a model, long suites once more.
   * `pnpm prove campaigns` tries many times.
   */
  campaigns: [
    "packages/*/test/histories/**",
    "packages/cli/test/torture.test.ts",
    "packages/core/test/clients/**",
    "packages/core/test/quorum/explorer/**",
    "packages/core/test/quorum/redis-of-five.test.ts",
    "packages/memory/test/checkpoints/validation.test.ts",
    "simulation/test/{campaign,checker}.test.ts",
  ],
  /**
   * What others do with the newest version of a client, or its newest protocol. `pnpm prove versions` runs them, with all that
   * try several.
   */
  versions: ["packages/core/test/**/{ioredis-5,iovalkey,node-redis-5,*-resp2}.test.ts"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** What `pnpm test` without names leaves out. */
export const LEFT_OUT: readonly string[] = Object.values(GROUPS).flat();
