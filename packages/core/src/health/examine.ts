import { backendError } from "../backends/redis/faults.ts";
import type { BackendNode } from "../contract/admin.ts";
import type { Clock } from "../contract/clock.ts";
import { LockBackendError } from "../contract/errors.ts";
import { withoutSecrets } from "../contract/redaction.ts";
import type { ClockOffset, NodeFacts, NodeReport } from "./facts.ts";
import { readConfig, readInfo, readNumber, readProduct, readTime, readWord } from "./replies.ts";

const ROUNDS = 5;
/** A slow server is not asked again and again: what is known by then will do. */
const ENOUGH_MS = 500;
const LONGEST_REFUSAL = 120;

/** Tells what PUBLISH answered, also where it was refused, as the scripts of locks do it. */
const PUBLISH = `local reply = redis.pcall("PUBLISH", ARGV[1], "")
return type(reply) == "table" and "refused " .. tostring(reply.err) or "published"`;

type Command = NonNullable<BackendNode["command"]>;

/** How a server is asked. */
export interface Approach {
  readonly clock: Clock;
  /** The prefix of the locks. */
  readonly prefix: string;
  /** Whether the client knows clusters. */
  readonly clusterClient: boolean;
}

/** Asks one server for what locks depend on. Never rejects: a fault is a report, too. */
export async function examine({ name, command }: BackendNode, approach: Approach): Promise<NodeReport> {
  if (command === undefined) return { status: "local", name };
  try {
    return { status: "reachable", name, facts: await new Examination(command, approach).facts() };
  } catch (error) {
    const typed = error instanceof LockBackendError ? error : backendError(error, undefined);
    return { status: "unreachable", name, error: typed };
  }
}

class Examination {
  readonly #refused = new Map<string, string>();

  constructor(
    private readonly command: Command,
    private readonly approach: Approach,
  ) {}

  async facts(): Promise<NodeFacts> {
    // Also opens the connection, so that the round trips that count are nothing but that.
    await this.#ping();
    const [told, fsync, save, publishRefused] = await Promise.all([
      this.#ask("INFO"),
      this.#ask("CONFIG", "GET", "appendfsync"),
      this.#ask("CONFIG", "GET", "save"),
      this.#publishRefused(),
    ]);
    const info = readInfo(told);
    const clusterEnabled = flag(info.get("cluster_enabled"));
    const snapshots = readConfig(save).get("save");
    const { ping, clockOffset } = await this.#measure();
    return {
      ping,
      role: roleOf(info),
      version: info.get("redis_version"),
      runId: info.get("run_id"),
      uptime: milliseconds(info.get("uptime_in_seconds")),
      maxmemory: readNumber(info.get("maxmemory")),
      maxmemoryPolicy: info.get("maxmemory_policy"),
      appendOnly: flag(info.get("aof_enabled")),
      appendFsync: readWord(readConfig(fsync).get("appendfsync")),
      snapshots: snapshots === undefined ? undefined : snapshots !== "",
      clusterEnabled,
      shards: clusterEnabled
        ? readNumber(readInfo(await this.#ask("CLUSTER", "INFO")).get("cluster_size"))
        : undefined,
      clusterClient: this.approach.clusterClient,
      publishRefused,
      product: readProduct(told),
      replicas: readNumber(info.get("connected_slaves")),
      clockOffset,
      refused: [...this.#refused.values()],
    };
  }

  /** Round trips, and the offset of the clock by the one of them that tells it most precisely. */
  async #measure(): Promise<{ ping: number; clockOffset: ClockOffset | undefined }> {
    const pings: number[] = [];
    const offsets: ClockOffset[] = [];
    const start = this.approach.clock.now().mono;
    while (
      pings.length < ROUNDS &&
      (pings.length === 0 || this.approach.clock.now().mono - start < ENOUGH_MS)
    ) {
      const asked = this.approach.clock.now().mono;
      await this.#ping();
      pings.push(this.approach.clock.now().mono - asked);
      const offset = await this.#offset();
      if (offset !== undefined) offsets.push(offset);
    }
    const [clockOffset] = offsets.sort((a, b) => a.uncertainty - b.uncertainty);
    return { ping: pings.sort((a, b) => a - b)[Math.floor(pings.length / 2)] ?? 0, clockOffset };
  }

  /** A key is named, as that of a lock would be: some servers allow only channels that share its hash slot. */
  async #publishRefused(): Promise<string | undefined> {
    const { prefix, clusterClient } = this.approach;
    const channel = `${prefix}:wake:health`;
    const keys = clusterClient ? [] : [`${prefix}:{health}`];
    const said = String(await this.#ask("EVAL", PUBLISH, String(keys.length), ...keys, channel));
    return said.startsWith("refused ") ? harmless(said.slice("refused ".length)) : undefined;
  }

  async #offset(): Promise<ClockOffset | undefined> {
    const before = this.approach.clock.now();
    const server = readTime(await this.#ask("TIME"));
    const after = this.approach.clock.now();
    if (server === undefined) return undefined;
    const uncertainty = (after.mono - before.mono) / 2;
    return { ms: server - before.wall - uncertainty, uncertainty };
  }

  async #ping(): Promise<void> {
    try {
      await this.command(["PING"]);
    } catch (error) {
      // It takes a server that is there to say no.
      if (!/NOPERM/.test(String(error))) throw error;
    }
  }

  /** What the server answers; undefined if it refuses. If it cannot be reached any more, the next ping will tell. */
  async #ask(...words: [string, ...string[]]): Promise<unknown> {
    try {
      return await this.command(words);
    } catch (error) {
      const { message } = withoutSecrets(error, words.slice(1));
      this.#refused.set(words[0], `${words[0]}: ${harmless(message)}`);
      return undefined;
    }
  }
}

/** What a server said, as text that a terminal does not act upon. */
function harmless(text: string): string {
  return text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, " ").slice(0, LONGEST_REFUSAL);
}

function roleOf(info: ReadonlyMap<string, string>): NodeFacts["role"] {
  if (info.get("redis_mode") === "sentinel") return "sentinel";
  const role = info.get("role");
  if (role === "master") return role;
  return role === "slave" || role === "replica" ? "replica" : undefined;
}

function milliseconds(seconds: string | undefined): number | undefined {
  const count = readNumber(seconds);
  return count === undefined ? undefined : count * 1_000;
}

function flag(text: string | undefined): boolean | undefined {
  return text === undefined ? undefined : text === "1";
}
