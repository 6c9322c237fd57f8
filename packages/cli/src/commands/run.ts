import type { LockEventName } from "@lock/core";
import type { Command } from "commander";
import { type Connection, connect } from "../connection.ts";
import { readDuration } from "../durations.ts";
import { codeOfSignal } from "../exit-codes.ts";
import { usage } from "../failure.ts";
import { jsonLine } from "../output/json.ts";
import { quoted } from "../output/printable.ts";
import { longestGrace, type Terms, termsOf } from "../run/deadline.ts";
import { type Ended, runUnder } from "../run/run.ts";
import { Signals } from "../run/signals.ts";
import { WatchOver } from "../run/watch-over.ts";
import { type GlobalFlags, readTarget } from "../target.ts";
import {
  type AcquireFlags,
  acquireBy,
  acquireOptions,
  checkMode,
  orInterrupted,
  ttlOf,
} from "./acquiring.ts";
import { define } from "./define.ts";

interface RunFlags extends GlobalFlags, AcquireFlags {
  readonly grace?: number;
}

/** Processes cannot be started, asked to end and ended in less. */
const SHORTEST_TTL = 1_000;
const HINT_AFTER = 1_000;
/** By the core's names. What else may become of an acquire is told as the error that ends the program. */
export const TOLD = [
  "contended",
  "acquired",
  "extendFailed",
  "permitsMismatch",
  "lost",
  "released",
  "backendError",
] as const satisfies readonly LockEventName[];
const INTERRUPTED = codeOfSignal("SIGINT");

export function defineRun(program: Command): void {
  const command = define<RunFlags, [string, string[]]>(program, {
    name: "run <key> <command...>",
    summary: "run a command while holding a key",
    about: `Waits for the key, runs the command, and frees the key when the command and all processes
of its group have ended. The command finds LOCK_KEY and LOCK_FENCING_TOKEN in its
environment. Its exit code is that of lock run. Put -- before the command.

Should the lease be about to end, because Redis cannot be reached, the command gets SIGTERM,
and SIGKILL before others can have the key: also when lock run itself was killed or stopped.`,
    examples: [
      ["lock run nightly-report -- ./report.sh", "one at a time, on all machines"],
      ["lock run nightly-report --wait 0 --busy-code 0 -- ./report.sh", "skip where another one runs"],
      ["lock run api:maps --permits 5 -- ./fetch-tiles", "at most five at once"],
    ],
    act: run,
  });
  acquireOptions(command, "forever").option(
    "--grace <duration>",
    "how long before the end of a lease that cannot be extended the command gets SIGTERM (default: 5s, at most ttl/2)",
    readDuration,
  );
}

async function run(flags: RunFlags, key: string, words: string[]): Promise<number> {
  if (process.platform === "win32") throw usage("lock run needs process groups, which Windows does not have");
  checkMode(flags);
  const ttl = ttlOf(flags, readTarget(flags));
  if (ttl < SHORTEST_TTL) throw usage(`--ttl of lock run must be at least 1s, got ${ttl} ms`);
  if (flags.grace !== undefined && flags.grace > longestGrace(ttl)) {
    throw usage(`--grace must be at most half of the ttl, ${longestGrace(ttl)} ms, got ${flags.grace} ms`);
  }
  const terms = termsOf(ttl, flags.grace);
  const signals = new Signals();
  try {
    const { code, alone } = await runLocked({ ...flags, ttl }, terms, key, words, signals);
    // What is typed is meant for all that waits for the command as well.
    if (code === INTERRUPTED && (alone || signals.got("SIGINT"))) endBySigint(alone ? 0 : process.pid);
    return code;
  } catch (error) {
    if (signals.exitCode === INTERRUPTED) endBySigint(process.pid);
    throw orInterrupted(error, key, signals);
  } finally {
    signals.close();
  }
}

/** A script around us goes on behind a command that exits with 130, and ends behind one that SIGINT has ended. 0: our group. */
function endBySigint(target: number): void {
  process.once("exit", () => process.kill(target, "SIGINT"));
}

async function runLocked(
  flags: RunFlags & { readonly ttl: number },
  terms: Terms,
  key: string,
  words: string[],
  signals: Signals,
): Promise<Ended> {
  const watch = new WatchOver();
  try {
    await using connection = await connect(flags, { holder: flags.holder });
    await watch.ready();
    tell(connection, flags);
    const wait = flags.wait ?? "forever";
    const lease = await acquireBy(connection.locks, key, { ...flags, wait }, signals.stop);
    try {
      return await runUnder({ locks: connection.locks, key, lease, terms, signals, watch }, words);
    } finally {
      await lease.release().catch(() => complain(key));
    }
  } finally {
    watch.close();
  }
}

/** Stdout belongs to the command: events go to stderr. */
function tell({ locks }: Connection, { json = false }: RunFlags): void {
  if (json) {
    for (const event of TOLD) {
      locks.on(event, (told) => process.stderr.write(`${jsonLine({ event, ...withoutErrors(told) })}\n`));
    }
    return;
  }
  if (process.stderr.isTTY !== true) return;
  locks.on("contended", ({ key, holder }) => {
    const who = holder?.holder === undefined ? "" : `, held by ${quoted(holder.holder)}`;
    const hint = () => process.stderr.write(`lock: waiting for ${quoted(key)}${who}\n`);
    const timer = setTimeout(hint, HINT_AFTER).unref();
    locks.on("acquired", () => clearTimeout(timer));
  });
}

function withoutErrors(told: object): object {
  const entries = Object.entries(told).map(([name, value]) => {
    return [name, value instanceof Error ? value.message : value];
  });
  return Object.fromEntries(entries);
}

function complain(key: string): void {
  process.stderr.write(`lock: ${quoted(key)} could not be freed: it stays locked until its ttl ends\n`);
}
