import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Pair } from "./pairs.ts";

const SCRIPT = fileURLToPath(new URL("contender.mjs", import.meta.url));
/** A process that does not get this far has failed. */
const LONGEST_LIFE = 30_000;

interface Turn {
  readonly acquired: number;
  readonly released: number;
  /** Whether the other process waited when it was released. */
  readonly handsOver: boolean;
}

/** What one process tells of one key, in milliseconds. */
export interface Report {
  readonly turns: readonly Turn[];
  /** "held", or what became of a lease that had to be renewed. */
  readonly lease: string;
  /** How long `locks.close()` took. */
  readonly closed: number;
}

interface Failure {
  readonly error: string;
}

/** What came of one process. */
export interface Fate {
  /** By key; what is not there was never told. */
  readonly reports: ReadonlyMap<string, Report | Failure>;
  /** 0 where it ended by itself after it had let go of its clients; what it complained of is in `complaint`. */
  readonly code: number | null;
  readonly complaint: string;
}

/** A pair, and the key that two processes contend for with it. */
export type Order = Pair & { readonly key: string };

/** Lets two processes contend for all keys at once. One closes its locks; both let go of their clients. */
export async function contend(orders: readonly Order[]): Promise<readonly [Fate, Fate]> {
  return Promise.all([run(orders, true), run(orders, false)]);
}

/** From one process's release to the other's acquire, in milliseconds, where that one waited and was not overtaken. */
export function handOvers(reports: readonly Report[]): number[] {
  const turns = reports
    .flatMap((report) => report.turns.map((turn) => ({ ...turn, report })))
    .toSorted((a, b) => a.acquired - b.acquired);
  return turns.flatMap(({ released, handsOver, report }, index) => {
    const next = turns[index + 1];
    return handsOver && next !== undefined && next.report !== report ? [next.acquired - released] : [];
  });
}

async function run(orders: readonly Order[], closes: boolean): Promise<Fate> {
  const child = fork(SCRIPT, [JSON.stringify({ orders, closes })], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const reports = new Map<string, Report | Failure>();
  child.on("message", (told: (Report | Failure) & { readonly key: string }) => reports.set(told.key, told));
  const tooLong = setTimeout(() => child.kill("SIGKILL"), LONGEST_LIFE);
  const [code] = await once(child, "exit");
  clearTimeout(tooLong);
  return { reports, code, complaint };
}
