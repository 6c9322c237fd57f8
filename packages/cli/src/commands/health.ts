import { withoutSecrets } from "@lock/core/adapter";
import { checkHealth, type HealthReport } from "@lock/core/health";
import type { Command } from "commander";
import type { Client } from "../clients.ts";
import { openConnection } from "../connection.ts";
import { readDuration } from "../durations.ts";
import { EXIT } from "../exit-codes.ts";
import { usage } from "../failure.ts";
import { describeReport } from "../output/health-report.ts";
import { jsonLine } from "../output/json.ts";
import { print, printWrapped } from "../output/screen.ts";
import type { GlobalFlags } from "../target.ts";
import { define } from "./define.ts";

interface HealthFlags extends GlobalFlags {
  readonly maxPing?: number;
  readonly timeout?: number;
  readonly ttl?: number;
  readonly strict?: boolean;
}

const DEFAULT_TIMEOUT = 2_000;

export function defineHealth(program: Command): void {
  define<HealthFlags, []>(program, {
    name: "health",
    summary: "say whether locks are safe on this Redis",
    about: `Asks every server for what locks depend on, and says what follows. It changes nothing.
Exit code: 0 healthy, or degraded without --strict; 1 degraded with --strict; 2 unhealthy.`,
    examples: [
      ["lock health", "the Redis that the environment names"],
      ["lock health --nodes 10.0.0.1,10.0.0.2,10.0.0.3 --json", "a quorum, for programs"],
    ],
    act: health,
  })
    .option("--max-ping <duration>", "a longer round trip is a finding (default: 100ms)", readDuration)
    .option("--timeout <duration>", "how long each question may take (default: 2s)", readDuration)
    .option("--ttl <duration>", "the longest ttl of your locks (default: 30s)", readDuration)
    .option("--strict", "degraded counts as failed");
}

async function health(flags: HealthFlags): Promise<number> {
  const { maxPing, prefix, timeout = DEFAULT_TIMEOUT } = flags;
  if ([maxPing, timeout, flags.ttl].includes(0))
    throw usage("--max-ping, --timeout and --ttl must be more than 0");
  const approach = { once: true, connectTimeout: timeout, requestTimeout: timeout };
  await using connection = await openConnection(flags, approach);
  const { backends, clients, target } = connection;
  const longestTtl = flags.ttl ?? target.ttl;
  const examined = await checkHealth(backends, {
    prefix,
    ...(maxPing !== undefined && { maxPing }),
    ...(longestTtl !== undefined && { longestTtl }),
  });
  const report = retold(examined, clients);
  if (flags.json) await print(jsonLine(plain(report)));
  else await printWrapped(describeReport(report));
  if (report.verdict === "unhealthy") return EXIT.unhealthy;
  return report.verdict === "degraded" && flags.strict ? EXIT.nothing : EXIT.ok;
}

/** With the names that the user gave the servers, and with what the clients know of a fault: backends have neither. */
function retold({ nodes, findings, ...report }: HealthReport, clients: readonly Client[]): HealthReport {
  // One node for each client, in their order.
  const byName = new Map(nodes.map(({ name }, index) => [name, clients[index]]));
  return {
    ...report,
    nodes: nodes.map((node) => ({ ...node, name: byName.get(node.name)?.place ?? node.name })),
    findings: findings.map((finding) => {
      const client = byName.get(finding.node ?? "");
      const said = finding.code === "unreachable" ? client?.heard() : undefined;
      const found = said === undefined ? finding.found : withoutSecrets(new Error(said)).message;
      return { ...finding, node: client?.place ?? finding.node, found };
    }),
  };
}

/** Errors as JSON shows them: their stack is of no use there. */
function plain({ nodes, ...report }: HealthReport) {
  return {
    ...report,
    nodes: nodes.map((node) => {
      if (node.status !== "unreachable") return node;
      const { code, message } = node.error;
      return { ...node, error: { code, message } };
    }),
  };
}
