import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Pair } from "./pairs.ts";

const SCRIPT = fileURLToPath(new URL("contender.mjs", import.meta.url));
/** A process that does not get this far has failed. */
const LONGEST_LIFE = 30_000;
/** To end by itself after its report. */
const LAST_BREATH = 3_000;

interface Turn {
  readonly acquired: number;
  readonly released: number;
  /** Whether the other process waited when it was released. */
  readonly handsOver: boolean;
}

/** What one process tells, in milliseconds. */
interface Report {
  readonly turns: readonly Turn[];
  /** "held", or what became of a lease that had to be renewed. */
  readonly lease: string;
  /** How long `locks.close()` took. */
  readonly closed: number;
}

/** What came of one process: its report, and how long it lived on after that; undefined: it had to be killed. */
export interface Fate {
  readonly report: Report;
  readonly lastBreath: number | undefined;
}

/** Lets two processes contend. One closes its locks; both let go of their clients. */
export async function contend(pair: Pair, key: string): Promise<readonly [Fate, Fate]> {
  return Promise.all([run(pair, key, true), run(pair, key, false)]);
}

/** From one process's release to the other's acquire, in milliseconds, where that one waited and was not overtaken. */
export function handOvers(fates: readonly Fate[]): number[] {
  const turns = fates
    .flatMap(({ report }) => report.turns.map((turn) => ({ ...turn, report })))
    .toSorted((a, b) => a.acquired - b.acquired);
  return turns.flatMap(({ released, handsOver, report }, index) => {
    const next = turns[index + 1];
    return handsOver && next !== undefined && next.report !== report ? [next.acquired - released] : [];
  });
}

async function run({ client, url, options, by }: Pair, key: string, closes: boolean): Promise<Fate> {
  const order = JSON.stringify({ client, url, options, by, key, closes });
  const child = fork(SCRIPT, [order], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const tooLong = setTimeout(() => child.kill("SIGKILL"), LONGEST_LIFE);
  try {
    const ended = once(child, "exit");
    const said = await Promise.race([once(child, "message"), ended]);
    if (child.exitCode !== null || child.signalCode !== null || !isReport(said[0])) {
      throw new Error(`it ended without a report: ${complaint || child.signalCode}`);
    }
    const reported = performance.now();
    const kill = setTimeout(() => child.kill("SIGKILL"), LAST_BREATH);
    const [code] = await ended;
    clearTimeout(kill);
    return { report: said[0], lastBreath: code === 0 ? performance.now() - reported : undefined };
  } finally {
    clearTimeout(tooLong);
  }
}

function isReport(message: unknown): message is Report {
  return typeof message === "object" && message !== null && "turns" in message;
}
