import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { environment, MAIN } from "../support/lock.ts";

const CHILD = fileURLToPath(new URL("./child.sh", import.meta.url));
const LOST = 77;
/** So many lines that a command never ends by itself. */
const ENDLESS = 1_000_000;

export interface TortureOptions {
  readonly redisUrl: string;
  readonly runs: number;
  /** How many `lock run` get SIGKILL. */
  readonly kills: number;
  /** How many get SIGSTOP until their lease is over. */
  readonly stops: number;
  readonly keys: number;
  /** How many run at once. */
  readonly batch: number;
  readonly ttl: number;
}

type Fate = "ends" | "killed" | "stopped";

interface Run {
  readonly id: number;
  readonly key: number;
  readonly fate: Fate;
  readonly exitCode: number;
  readonly hears: boolean;
  readonly leaves: boolean;
}

/** When something of a run was seen to be at work. */
interface Interval {
  readonly id: number;
  readonly token: number;
  readonly from: bigint;
  readonly to: bigint;
}

export interface TortureReport {
  readonly runs: number;
  /** Runs whose command, or a child of it, worked beside that of another run of the same key. */
  readonly overlaps: readonly string[];
  readonly wrongExits: readonly string[];
  /** Runs that have a smaller fencing token than one before them. */
  readonly wrongTokens: readonly string[];
  /** Runs that were never seen to work. */
  readonly missing: readonly number[];
  /** The shortest time between two runs of one key of which the first was killed or stopped, ms. */
  readonly closest: number;
  readonly seconds: number;
}

export async function torture(options: TortureOptions): Promise<TortureReport> {
  const folder = await mkdtemp(join(tmpdir(), "lock-torture-"));
  const begun = performance.now();
  try {
    const runs = plan(options);
    const wrongExits: string[] = [];
    const waiting = [...runs];
    const work = async () => {
      for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) {
        const fault = await execute(run, options, fileOf(folder, run.key));
        if (fault !== undefined) wrongExits.push(fault);
      }
    };
    await Promise.all(Array.from({ length: options.batch }, work));
    const perKey = await Promise.all(
      Array.from({ length: options.keys }, async (_, key) =>
        intervals(await readFile(fileOf(folder, key), "utf8")),
      ),
    );
    return { ...judge(runs, perKey), wrongExits, seconds: (performance.now() - begun) / 1_000 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function fileOf(folder: string, key: number): string {
  return join(folder, `key-${key}`);
}

/** Fates are spread over all runs, and over the keys. */
function plan({ runs, kills, stops, keys }: TortureOptions): Run[] {
  const every = runs / (kills + stops);
  const fates = new Map<number, Fate>();
  for (let n = 0; n < kills + stops; n++) {
    const isStop =
      Math.floor(((n + 1) * stops) / (kills + stops)) > Math.floor((n * stops) / (kills + stops));
    fates.set(Math.floor(n * every), isStop ? "stopped" : "killed");
  }
  return Array.from({ length: runs }, (_, id) => ({
    id,
    key: (id + Math.floor(id / keys)) % keys,
    fate: fates.get(id) ?? "ends",
    exitCode: id % 50,
    hears: id % 3 !== 0,
    leaves: id % 2 === 0,
  }));
}

/** Resolves with what is wrong with its end, once it has ended. */
async function execute(
  run: Run,
  { redisUrl, ttl }: TortureOptions,
  file: string,
): Promise<string | undefined> {
  const { id, key, fate, exitCode, hears, leaves } = run;
  const lines = fate === "ends" ? 3 + (id % 5) : ENDLESS;
  const words = [id, file, lines, exitCode, hears ? "hears" : "deaf", leaves ? "leaves" : "ends"].map(String);
  const options = ["--ttl", `${ttl}ms`, "--grace", `${Math.floor(ttl / 4)}ms`];
  const args = [MAIN, "run", `torture:${key}`, ...options, "--", "sh", CHILD, ...words];
  const child = spawn(process.execPath, args, {
    env: environment({ REDIS_URL: redisUrl }),
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  const ended = once(child, "exit");
  if (fate !== "ends") {
    await worksIn(file, id);
    child.kill(fate === "killed" ? "SIGKILL" : "SIGSTOP");
    if (fate === "stopped") {
      await sleep(ttl * 1.5);
      child.kill("SIGCONT");
    }
  }
  const [code, signal] = await ended;
  const wanted = { ends: exitCode, killed: "SIGKILL", stopped: LOST }[fate];
  return (signal ?? code) === wanted
    ? undefined
    : `run ${id}, ${fate}: ${signal ?? code}, not ${wanted}. ${said}`;
}

/** Resolves when the command of a run has written its first line. */
async function worksIn(file: string, id: number): Promise<void> {
  const line = new RegExp(`^${id} `, "m");
  while (!line.test(await readFile(file, "utf8").catch(() => ""))) await sleep(20);
}

/** From the first to the last line of each run, in the order of their first ones. */
function intervals(text: string): Interval[] {
  const found = new Map<number, Interval>();
  for (const line of text.trim().split("\n")) {
    const [id = -1, token = -1] = line.split(" ").map(Number);
    const at = BigInt(line.split(" ")[2] ?? 0);
    const { from, to } = found.get(id) ?? { from: at, to: at };
    found.set(id, { id, token, from: at < from ? at : from, to: at > to ? at : to });
  }
  return [...found.values()].sort((a, b) => (a.from < b.from ? -1 : 1));
}

function judge(runs: readonly Run[], perKey: readonly (readonly Interval[])[]) {
  const overlaps: string[] = [];
  const wrongTokens: string[] = [];
  let closest = Number.POSITIVE_INFINITY;
  for (const [key, all] of perKey.entries()) {
    for (const [index, next] of all.entries()) {
      const before = all[index - 1];
      if (before === undefined) continue;
      const gap = Number(next.from - before.to) / 1e6;
      if (gap <= 0) overlaps.push(`key ${key}: ${before.id} and ${next.id} by ${-gap} ms`);
      if (next.token <= before.token) wrongTokens.push(`key ${key}: ${before.id} and ${next.id}`);
      if (runs[before.id]?.fate !== "ends") closest = Math.min(closest, gap);
    }
  }
  const seen = new Set(perKey.flat().map(({ id }) => id));
  const missing = runs.map(({ id }) => id).filter((id) => !seen.has(id));
  return { runs: seen.size, overlaps, wrongTokens, missing, closest };
}
