import type { BackendNode } from "../backend.ts";
import { backendError } from "../backends/redis/faults.ts";
import type { Clock } from "../clock.ts";
import { LockBackendError } from "../errors.ts";
import { withoutSecrets } from "../redaction.ts";
import type { ClockOffset, NodeFacts, NodeReport } from "./facts.ts";
import { readConfig, readInfo, readNumber, readTime, readWord } from "./replies.ts";

const ROUNDS = 5;
/** A slow server is not asked again and again: what is known by then will do. */
const ENOUGH_MS = 500;
const LONGEST_REFUSAL = 120;

type Command = NonNullable<BackendNode["command"]>;

/** Asks one server for what locks depend on. Never rejects: a fault is a report, too. */
export async function examine({ name, command }: BackendNode, clock: Clock): Promise<NodeReport> {
  if (command === undefined) return { status: "local", name };
  try {
    return { status: "reachable", name, facts: await new Examination(command, clock).facts() };
  } catch (error) {
    const typed = error instanceof LockBackendError ? error : backendError(error, undefined);
    return { status: "unreachable", name, error: typed };
  }
}

class Examination {
  readonly #refused = new Map<string, string>();

  constructor(
    private readonly command: Command,
    private readonly clock: Clock,
  ) {}

  async facts(): Promise<NodeFacts> {
    // Also opens the connection, so that the round trips that count are nothing but that.
    await this.#ping();
    const [told, fsync, save] = await Promise.all([
      this.#ask("INFO"),
      this.#ask("CONFIG", "GET", "appendfsync"),
      this.#ask("CONFIG", "GET", "save"),
    ]);
    const info = readInfo(told);
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
      replicas: readNumber(info.get("connected_slaves")),
      clockOffset,
      refused: [...this.#refused.values()],
    };
  }

  /** Round trips, and the offset of the clock by the one of them that tells it most precisely. */
  async #measure(): Promise<{ ping: number; clockOffset: ClockOffset | undefined }> {
    const pings: number[] = [];
    const offsets: ClockOffset[] = [];
    const start = this.clock.now().mono;
    while (pings.length < ROUNDS && (pings.length === 0 || this.clock.now().mono - start < ENOUGH_MS)) {
      const asked = this.clock.now().mono;
      await this.#ping();
      pings.push(this.clock.now().mono - asked);
      const offset = await this.#offset();
      if (offset !== undefined) offsets.push(offset);
    }
    const [clockOffset] = offsets.sort((a, b) => a.uncertainty - b.uncertainty);
    return { ping: pings.sort((a, b) => a - b)[Math.floor(pings.length / 2)] ?? 0, clockOffset };
  }

  async #offset(): Promise<ClockOffset | undefined> {
    const before = this.clock.now();
    const server = readTime(await this.#ask("TIME"));
    const after = this.clock.now();
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
