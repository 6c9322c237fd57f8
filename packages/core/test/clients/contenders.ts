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

/** Two processes that contend. */
export interface Contest {
  /** Resolves when both have had their turns, and only wait for what becomes of leases that are renewed. */
  readonly rests: Promise<unknown>;
  readonly fates: Promise<readonly Fate[]>;
}

/** Lets two processes contend for all keys at once. One closes its locks; both let go of their clients. */
export function contend(orders: readonly Order[]): Contest {
  const running = [run(orders, true), run(orders, false)];
  return {
    rests: Promise.all(running.map(({ rests }) => rests)),
    fates: Promise.all(running.map(({ fate }) => fate)),
  };
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

function run(orders: readonly Order[], closes: boolean): { rests: Promise<unknown>; fate: Promise<Fate> } {
  const child = fork(SCRIPT, [JSON.stringify({ orders, closes })], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const reports = new Map<string, Report | Failure>();
  const rests = new Promise<void>((resolve) => {
    child
      .on("exit", resolve)
      .on("message", (told: "rests" | ((Report | Failure) & { readonly key: string })) => {
        if (told === "rests") resolve();
        else reports.set(told.key, told);
      });
  });
  const tooLong = setTimeout(() => child.kill("SIGKILL"), LONGEST_LIFE);
  const fate = once(child, "exit").then(([code]): Fate => {
    clearTimeout(tooLong);
    return { reports, code, complaint };
  });
  return { rests, fate };
}
