import { BaseSequencer, type TestSpecification } from "vitest/node";
import { root } from "./repository.ts";

/**
 * Test files that take long, the longest first, by how they ran on two cores. Where vitest has not measured them yet, as
 * in a new clone, it would begin with the largest files: one that is small and takes half a minute would come last, and
 * run alone.
 */
export const LONGEST = [
  "packages/memory/test/checkpoints/validation.test.ts",
  "tooling/redis-control/test/docker.test.ts",
  "packages/core/test/histories/quorum.test.ts",
  "test/run.test.ts",
  "packages/cli/test/topologies.test.ts",
  "packages/cli/test/run.test.ts",
  "packages/core/test/quorum/explorer/explorer.test.ts",
  "apps/keeper/test/demo.test.ts",
  "packages/core/test/safety/subscriber/all-clients.test.ts",
  "packages/express/test/histories/shop.test.ts",
  "apps/bullmq-reports/test/demo.test.ts",
  "packages/core/test/histories/read-write.test.ts",
  "proof/test/mutants.test.ts",
  "packages/core/test/drivers/cluster.test.ts",
  "packages/core/test/quorum/redis-of-five.test.ts",
  "apps/agent-memory/test/demo.test.ts",
  "packages/core/test/drivers/sentinel.test.ts",
  "bench/test/rivals/leases.test.ts",
  "tooling/redis-control/test/control.test.ts",
  "packages/core/test/quorum/lost-data.test.ts",
  "simulation/test/campaign.test.ts",
  "apps/redlock-clients/test/demo.test.ts",
  "packages/core/test/topologies/sentinel-failover.test.ts",
  "apps/model-pool/test/demo.test.ts",
  "packages/core/test/safety/processes.test.ts",
  "packages/cli/test/torture.test.ts",
  "apps/demo-kit/test/launcher.test.ts",
  "packages/cli/test/terminal.test.ts",
  "packages/core/test/quorum/clock-steps.test.ts",
  "apps/express-orders/test/demo.test.ts",
  "packages/core/test/quorum/rolling-restarts.test.ts",
  "packages/core/test/quorum/majority.test.ts",
  "packages/core/test/quorum/blocked-node.test.ts",
  "packages/core/test/safety/sent-twice.test.ts",
  "packages/core/test/safety/server-faults/all-clients.test.ts",
  "packages/core/test/safety/subscriber-connections.test.ts",
  "tooling/postgres-harness/test/postgres.test.ts",
  "packages/cli/test/without-dash.test.ts",
  "packages/bullmq/test/crash.test.ts",
  "packages/core/test/quorum/emptied.test.ts",
  "packages/core/test/quorum/restarts.test.ts",
] as const;

/** Lets files that take long, and were not measured yet, begin before the others of their project. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const projects = [...new Set(sorted.map(({ project }) => project.name))];
    const ranks = new Map(
      sorted.map((file) => [file, projects.indexOf(file.project.name) * 1_000 + this.#placeOf(file)]),
    );
    return sorted.toSorted((a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0));
  }

  #placeOf({ project, moduleId }: TestSpecification): number {
    const place = LONGEST.findIndex((path) => moduleId === root + path);
    // The name by which vitest keeps results.
    const isMeasured = this.ctx.cache.getFileTestResults(`${project.name}:${moduleId.slice(root.length)}`);
    return place === -1 || isMeasured ? LONGEST.length : place;
  }
}
