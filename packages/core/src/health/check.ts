import { adminOf } from "../contract/admin.ts";
import type { LockBackend } from "../contract/backend.ts";
import { LockUsageError } from "../contract/errors.ts";
import { checkPrefix } from "../contract/key.ts";
import { checkOptionNames, type OptionNames } from "../contract/option-names.ts";
import { showForBackend } from "../contract/show.ts";
import { checkDuration } from "../contract/validate.ts";
import { findingsOfClocks } from "./clocks.ts";
import { examine } from "./examine.ts";
import type { NodeReport } from "./facts.ts";
import type { Finding, Thresholds } from "./finding.ts";
import { findingsOfNodes } from "./findings.ts";
import { findingsOfVotes } from "./votes.ts";

/** From where on something is a finding, and what is asked; each has a default. */
export interface HealthOptions extends Partial<Thresholds> {
  /** The `prefix` of your locks, whose channels are tried. Default "lock". */
  readonly prefix?: string;
}

/**
 * - `healthy`: nothing but notes
 * - `degraded`: locks work, but a fault that may come would break a promise
 * - `unhealthy`: locks cannot be taken, or are not safe
 */
export type Verdict = "healthy" | "degraded" | "unhealthy";

export interface HealthReport {
  readonly verdict: Verdict;
  /** One per server, in the order in which they were given. */
  readonly nodes: readonly NodeReport[];
  /** The worst first. */
  readonly findings: readonly Finding[];
}

const OPTIONS: OptionNames<HealthOptions> = {
  prefix: true,
  maxClockOffset: true,
  maxPing: true,
  longestTtl: true,
};
const MOST_MS = 365 * 86_400_000;
const ORDER = { error: 0, warning: 1, note: 2 } as const;
const VERDICTS = { error: "unhealthy", warning: "degraded", note: "healthy" } as const;

/**
 * Asks every server behind the backend for what locks depend on, and says what follows. Several backends are taken for
 * the nodes of one quorum. Changes nothing on the servers. It never rejects because of one of them: that is a finding.
 * Each question is given the backend's `requestTimeout`.
 * @example
 * const { verdict, findings } = await checkHealth(ioredisBackend(redis));
 * for (const { node, found, advice } of findings) console.warn(`${node}: ${found}. ${advice}`);
 * @throws LockUsageError
 */
export async function checkHealth(
  backend: LockBackend | readonly LockBackend[],
  options: HealthOptions = {},
): Promise<HealthReport> {
  checkOptionNames("checkHealth", options, OPTIONS, "{ maxPing: 100 }");
  const { prefix = "lock", ...given } = options;
  checkPrefix(prefix);
  const thresholds = checkThresholds(given);
  const examined = checkBackends([backend].flat()).flatMap((each) =>
    adminOf(each)
      .nodes()
      .map((node) => {
        // Only a client of several servers has no address of its own.
        const clusterClient = node.name === each.name;
        return examine(node, { clock: each.clock, prefix, clusterClient });
      }),
  );
  return judge(await Promise.all(examined), thresholds);
}

/** What follows from what is known of the nodes: of one server, or of all nodes of a quorum. */
export function judge(nodes: readonly NodeReport[], thresholds: Thresholds): HealthReport {
  const findings = [
    ...findingsOfVotes(nodes),
    ...findingsOfNodes(nodes, thresholds),
    ...findingsOfClocks(nodes, thresholds.maxClockOffset),
  ].sort((a, b) => ORDER[a.severity] - ORDER[b.severity]);
  const worst = findings[0]?.severity ?? "note";
  return { verdict: VERDICTS[worst], nodes, findings };
}

function checkThresholds(options: Partial<Thresholds>): Thresholds {
  const { maxClockOffset = 1_000, maxPing = 100, longestTtl = 30_000 } = options;
  const thresholds = { maxClockOffset, maxPing, longestTtl };
  for (const [name, value] of Object.entries(thresholds)) checkDuration(name, value, 1, MOST_MS);
  return thresholds;
}

function checkBackends(backends: readonly LockBackend[]): readonly LockBackend[] {
  const wrong = backends.find((backend) => typeof backend?.tryAcquire !== "function");
  if (backends.length === 0 || wrong !== undefined) {
    throw new LockUsageError(
      `checkHealth needs a backend, or a list of them, got ${showForBackend(wrong ?? backends)}`,
    );
  }
  return backends;
}
