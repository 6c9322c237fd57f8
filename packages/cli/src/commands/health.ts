import { checkHealth, type HealthReport, type NodeReport } from "@lock/core/health";
import type { Command } from "commander";
import { openConnection } from "../connection.ts";
import { readDuration, showDuration } from "../durations.ts";
import { EXIT } from "../exit-codes.ts";
import { usage } from "../failure.ts";
import { jsonLine } from "../output/json.ts";
import { printable } from "../output/printable.ts";
import { colours, print, printWrapped } from "../output/screen.ts";
import type { GlobalFlags } from "../target.ts";
import { define } from "./define.ts";

interface HealthFlags extends GlobalFlags {
  readonly maxPing?: number;
  readonly ttl?: number;
  readonly strict?: boolean;
}

const VERDICTS: Record<HealthReport["verdict"], string> = {
  healthy: colours.green("healthy: locks are safe here"),
  degraded: colours.yellow("degraded: locks work, but a fault that may come would break a promise"),
  unhealthy: colours.red("unhealthy: locks cannot be taken, or are not safe"),
};
const SEVERITIES = { error: colours.red, warning: colours.yellow, note: colours.dim };

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
    .option("--ttl <duration>", "the longest ttl of your locks (default: 30s)", readDuration)
    .option("--strict", "degraded counts as failed");
}

async function health(flags: HealthFlags): Promise<number> {
  const { maxPing, prefix } = flags;
  if (maxPing === 0 || flags.ttl === 0) throw usage("--max-ping and --ttl must be more than 0");
  await using connection = openConnection(flags);
  const { backends, clients, target } = connection;
  // A server that cannot be reached is a finding.
  await Promise.all(clients.map(({ redis }) => redis.connect().catch(() => undefined)));
  const longestTtl = flags.ttl ?? target.ttl;
  const report = await checkHealth(backends, {
    prefix,
    ...(maxPing !== undefined && { maxPing }),
    ...(longestTtl !== undefined && { longestTtl }),
  });
  if (flags.json) await print(jsonLine(plain(report)));
  else await printWrapped(describe(report));
  if (report.verdict === "unhealthy") return EXIT.unhealthy;
  return report.verdict === "degraded" && flags.strict ? EXIT.nothing : EXIT.ok;
}

function describe({ verdict, nodes, findings }: HealthReport): string[] {
  return [
    ...nodes.map(describeNode),
    ...findings.flatMap(({ severity, node, found, advice }) => [
      `${SEVERITIES[severity](severity.padEnd(7))}  ${node === undefined ? "all nodes" : printable(node)}: ${printable(found)}`,
      colours.dim(`         ${printable(advice)}`),
    ]),
    VERDICTS[verdict],
  ];
}

function describeNode(report: NodeReport): string {
  const name = printable(report.name);
  if (report.status !== "reachable") return `${name}  ${report.status}`;
  const { role = "?", version = "?", ping, uptime, maxmemoryPolicy = "?" } = report.facts;
  const age = uptime === undefined ? "?" : showDuration(uptime);
  return `${name}  ${role}, version ${version}, ping ${ping.toFixed(1)} ms, up ${age}, ${maxmemoryPolicy}`;
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
