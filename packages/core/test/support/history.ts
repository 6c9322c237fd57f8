import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { QuorumBackendOptions } from "../../src/quorum.ts";

/** One line that a process wrote down. */
export interface HistoryEvent {
  readonly process: number;
  /** Microseconds of the machine's monotonic clock. */
  readonly at: number;
  readonly event: "asks" | "holds" | "releases" | "lost";
  readonly id: string;
  readonly keys: readonly string[];
  readonly mode: "permits" | "read" | "write";
  readonly fencingToken?: number;
}

/** A time during which a process believed in a lease. */
export interface Belief {
  readonly id: string;
  readonly keys: readonly string[];
  readonly mode: HistoryEvent["mode"];
  readonly fencingToken: number;
  readonly asked: number;
  readonly from: number;
  readonly to: number;
}

export interface Task {
  readonly kind: "semaphore" | "readWrite" | "severalKeys";
  readonly hold: number;
  readonly [option: string]: unknown;
}

export interface QuorumRun {
  readonly urls: readonly string[];
  readonly options: QuorumBackendOptions;
}

export interface Run {
  /** The server that grants, and that has the budget. */
  readonly url: string;
  /** The servers that grant together instead. */
  readonly quorum?: QuorumRun;
  readonly processes: number;
  /** In each process. */
  readonly workers: number;
  readonly ttl: number;
  readonly task: Task;
  /** The Redis key of a counter of the turns that are left. */
  readonly budget: string;
  /** How many processes to kill on the way, one after the other; each is replaced. */
  readonly kills: number;
}

export interface History {
  readonly beliefs: readonly Belief[];
  readonly killed: number;
  /** Processes that were not killed, but did not end well: somebody in them was not served, or failed. */
  readonly failed: number;
}

const now = (): number => Number(process.hrtime.bigint() / 1_000n);

/** Between two kills, for as long as the leases of the last one may keep others waiting. */
const KILL_EVERY = 150;

/** Lets processes of both clients do a task together, kills some, and tells what they believed. */
export async function recordHistory(run: Run): Promise<History> {
  const directory = await mkdtemp(join(tmpdir(), "history-"));
  const log = join(directory, "log");
  const ends = new Map<number, number>();
  const children = new Set<ChildProcess>();
  let killed = 0;
  let failed = 0;
  const script = fileURLToPath(new URL("history-child.mjs", import.meta.url));

  const start = async (index: number): Promise<ChildProcess> => {
    const library = index % 2 === 0 ? "ioredis" : "node-redis";
    const { url, quorum, workers, budget, ttl, task } = run;
    const child = fork(script, [JSON.stringify({ url, quorum, library, log, workers, budget, ttl, task })]);
    await once(child, "message");
    child.once("exit", (code, signal) => {
      ends.set(child.pid ?? 0, now());
      children.delete(child);
      if (signal === "SIGKILL") killed += 1;
      else if (code !== 0) failed += 1;
    });
    children.add(child);
    return child;
  };

  try {
    const first = await Promise.all(Array.from({ length: run.processes }, (_, index) => start(index)));
    const spares = await Promise.all(Array.from({ length: run.kills }, (_, index) => start(index)));
    for (const child of first) child.send("go");
    for (const spare of spares) {
      await new Promise((resume) => setTimeout(resume, KILL_EVERY));
      const [victim] = [...children].filter((child) => !spares.includes(child) && !child.killed);
      victim?.kill("SIGKILL");
      spare.send("go");
    }
    await Promise.all([...children].map((child) => once(child, "exit")));
    const lines = (await readFile(log, "utf8")).trim().split("\n");
    const events = lines.map((line) => JSON.parse(line) as HistoryEvent);
    return { beliefs: beliefsOf(events, ends), killed, failed };
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  }
}

/** Who believed what, and when; a belief that was cut off by a kill ends with its process. */
export function beliefsOf(
  events: readonly HistoryEvent[],
  ends: ReadonlyMap<number, number>,
): readonly Belief[] {
  const asked = new Map<string, HistoryEvent>();
  const held = new Map<string, HistoryEvent>();
  const beliefs: Belief[] = [];
  const end = (id: string, to: number) => {
    const start = held.get(id);
    if (start === undefined) return;
    held.delete(id);
    const { keys, mode, fencingToken = 0, at } = start;
    beliefs.push({ id, keys, mode, fencingToken, asked: asked.get(id)?.at ?? at, from: at, to });
  };
  for (const event of events) {
    if (event.event === "asks") asked.set(event.id, event);
    else if (event.event === "holds") held.set(event.id, event);
    else if (event.event === "releases") end(event.id, event.at);
    else held.delete(event.id);
  }
  for (const { id, process: pid } of [...held.values()]) end(id, ends.get(pid) ?? Number.POSITIVE_INFINITY);
  return beliefs;
}

/** Grants of a key that did not come in the order of their fencing tokens: a later one that is not larger. */
export function outOfOrder(beliefs: readonly Belief[], key: string): readonly (readonly [Belief, Belief])[] {
  const grants = beliefs.filter(({ keys }) => keys.includes(key)).sort((a, b) => a.from - b.from);
  return grants.flatMap((grant, index) => {
    const before = grants[index - 1];
    return before !== undefined && before.fencingToken >= grant.fencingToken
      ? [[before, grant] as const]
      : [];
  });
}

/** The largest number of beliefs in one key at one moment, of those that `counts`. */
export function mostAtOnce(
  beliefs: readonly Belief[],
  key: string,
): { readonly all: number; readonly beside: number } {
  const edges = beliefs
    .filter(({ keys }) => keys.includes(key))
    .flatMap(({ from, to, mode }) => [
      { at: from, step: 1, mode },
      { at: to, step: -1, mode },
    ])
    // At one moment ends come first: both are written down while the lease is believed, so they cannot overlap.
    .sort((a, b) => a.at - b.at || a.step - b.step);
  let inside = 0;
  let writers = 0;
  let all = 0;
  let beside = 0;
  for (const { step, mode } of edges) {
    inside += step;
    if (mode === "write") writers += step;
    all = Math.max(all, inside);
    if (writers > 0) beside = Math.max(beside, inside - 1);
  }
  return { all, beside };
}
