import { type RedisEnv, type RedisNodeEnv, readRedisEnv } from "@lock/core/env";
import { checkHealth, type HealthReport } from "@lock/core/health";
import { ioredisBackend } from "@lock/core/ioredis";
import { print } from "@lock/demo-kit";
import { Redis } from "ioredis";
import { type Command, readNumber } from "./command.ts";
import { instancesOf, placeOf } from "./instances.ts";
import { describeReport } from "./report.ts";

const HELP = `pnpm redis:health [--quorum] [--strict] [--timeout <ms>] [--max-ping <ms>]

Asks every Redis that the environment names for the settings that locks depend
on, and says what they mean for locks. It changes nothing.

  REDIS_URL          redis://host:6379 or rediss://user:password@host:6379/0
                     (default redis://127.0.0.1:6379)
  REDIS_NODES        instead, the nodes of a quorum: host:port or urls, with
                     commas between
  REDIS_PASSWORD     for urls without a password
  REDIS_TLS          true or false; see also REDIS_TLS_CA_FILE,
                     REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE
  REDIS_LOCK_TTL_MS  the longest ttl of your locks (default 30000)

  --quorum         use the five nodes of redis:start --quorum, not REDIS_NODES
  --strict         degraded counts as failed
  --timeout <ms>   how long each question may take, 1 to 60000 (default 2000)
  --max-ping <ms>  a longer round trip is a finding (default 100)

Exit code: 0 healthy, or degraded without --strict; 1 degraded with --strict;
2 unhealthy; 64 wrong options or environment.`;

const DEFAULT_TIMEOUT_MS = 2_000;
const DEFAULT_MAX_PING_MS = 100;

export const health: Command = {
  name: "health",
  help: HELP,
  options: {
    quorum: { type: "boolean" },
    strict: { type: "boolean" },
    timeout: { type: "string" },
    "max-ping": { type: "string" },
  },
  async run(values) {
    const timeout = readNumber(values, "timeout", 1, 60_000) ?? DEFAULT_TIMEOUT_MS;
    const ownNodes = { REDIS_NODES: instancesOf(true).map(placeOf).join(",") };
    const env = readRedisEnv(values.quorum === true ? { ...process.env, ...ownNodes } : process.env);
    const maxPing = readNumber(values, "max-ping", 1, 60_000) ?? DEFAULT_MAX_PING_MS;
    const { report, heard } = await examine(env, timeout, maxPing);
    for (const line of describeReport(report, heard)) print(line);
    return exitCode(report, values.strict === true);
  },
};

function exitCode({ verdict }: HealthReport, strict: boolean): number {
  if (verdict === "unhealthy") return 2;
  return verdict === "degraded" && strict ? 1 : 0;
}

/** `heard` is what the clients said of their connections, by the names of the nodes: a backend knows only that none came. */
async function examine(
  { nodes, ttl }: RedisEnv,
  timeout: number,
  maxPing: number,
): Promise<{ report: HealthReport; heard: ReadonlyMap<string, string> }> {
  const heard = new Map<string, string>();
  const clients = nodes.map((node) => connect(node, timeout, (said) => heard.set(node.name, said)));
  try {
    const backends = clients.map((client) => ioredisBackend(client, { requestTimeout: timeout }));
    const report = await checkHealth(backends, { maxPing, ...(ttl !== undefined && { longestTtl: ttl }) });
    return { report, heard };
  } finally {
    for (const client of clients) client.disconnect();
  }
}

function connect(node: RedisNodeEnv, timeout: number, hear: (said: string) => void): Redis {
  const client = new Redis(node.url, {
    ...node.ioredisOptions,
    connectTimeout: timeout,
    // Once is enough to know, and what the server says to PING is better than that it is not ready.
    retryStrategy: () => null,
    enableReadyCheck: false,
  });
  client.on("error", (error: Error) => hear(error.message));
  return client;
}
