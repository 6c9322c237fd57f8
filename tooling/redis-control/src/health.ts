import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Command, readNumber } from "./command.ts";
import { instancesOf, placeOf } from "./instances.ts";

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

const require = createRequire(import.meta.url);
const DEFAULT_TIMEOUT_MS = 2_000;
const DEFAULT_MAX_PING_MS = 100;

/** `lock health`, with what is special here: the nodes of `redis:start --quorum`. */
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
    const maxPing = readNumber(values, "max-ping", 1, 60_000) ?? DEFAULT_MAX_PING_MS;
    const nodes = values.quorum === true ? ["--nodes", instancesOf(true).map(placeOf).join(",")] : [];
    const strict = values.strict === true ? ["--strict"] : [];
    return lock("health", "--timeout", `${timeout}ms`, "--max-ping", `${maxPing}ms`, ...nodes, ...strict);
  },
};

/** Runs the built command, which says everything itself. Resolves with its exit code. */
async function lock(...words: readonly string[]): Promise<number> {
  const main = join(dirname(require.resolve("@lock/cli/package.json")), "dist", "main.js");
  const [code] = await once(spawn(process.execPath, [main, ...words], { stdio: "inherit" }), "exit");
  return code ?? 1;
}
