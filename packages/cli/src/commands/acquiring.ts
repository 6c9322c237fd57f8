import { isLockError, type Lease, type Lockable, type Locks, LockTimeoutError } from "@lock/core";
import type { Command } from "commander";
import { readDuration, readWait, readWhole } from "../durations.ts";
import { EXIT } from "../exit-codes.ts";
import { Failure, usage } from "../failure.ts";
import { quoted } from "../output/printable.ts";
import type { Signals } from "../run/signals.ts";
import type { Target } from "../target.ts";

/** What commands that acquire have in common. */
export interface AcquireFlags {
  readonly ttl?: number;
  readonly wait?: number | "forever";
  readonly shared?: boolean;
  readonly permits?: number;
  readonly busyCode?: number;
  readonly holder?: string;
}

export function acquireOptions(command: Command, wait: string): Command {
  return command
    .option(
      "--ttl <duration>",
      "how long the key stays locked unless the lease is extended (default: 30s)",
      readDuration,
    )
    .option(
      "--wait <duration>",
      `how long to wait for a busy key, 0 or "forever" (default: ${wait})`,
      readWait,
    )
    .option("--shared", "beside other shared holders, and no exclusive one")
    .option("--permits <n>", "at most n holders at once", readWhole(1, 1_000_000))
    .option(
      "--busy-code <n>",
      "exit code when the key cannot be had (default: 75 busy, 76 timeout)",
      readWhole(0, 255),
    )
    .option("--holder <name>", "how others see this holder (default: host:pid)");
}

/** @throws Failure */
export function checkMode({ shared, permits }: AcquireFlags): void {
  if (shared && permits !== undefined) throw usage("--shared and --permits exclude each other: give one");
}

/**
 * Waits for the key as the flags say.
 * @throws Failure with the code of its own for a busy key and for a wait that is over
 */
export async function acquireBy(
  locks: Locks,
  key: string,
  flags: AcquireFlags & { readonly wait: number | "forever" },
  signal: AbortSignal,
): Promise<Lease> {
  try {
    const options = { wait: flags.wait, signal, ...(flags.ttl !== undefined && { ttl: flags.ttl }) };
    return await lockableOf(locks, key, flags).acquire(options);
  } catch (error) {
    if (!isLockError(error) || error.code !== "LOCK_TIMEOUT") throw error;
    throw refused(error, key, flags);
  }
}

const DEFAULT_TTL = 30_000;

/** The ttl of the flags, else of the environment. */
export function ttlOf({ ttl }: AcquireFlags, target: Pick<Target, "ttl">): number {
  return ttl ?? target.ttl ?? DEFAULT_TTL;
}

/** What ended an acquire, or, where that was a signal, that. */
export function orInterrupted(error: unknown, key: string, { exitCode }: Signals): unknown {
  if (exitCode === undefined) return error;
  return new Failure(`gave up waiting for ${quoted(key)}: ended by a signal`, exitCode, "LOCK_INTERRUPTED");
}

function refused(error: Error, key: string, { wait, busyCode }: AcquireFlags): Failure {
  const { holder } = error instanceof LockTimeoutError ? error : {};
  const who = holder?.holder === undefined ? "" : `, held by ${quoted(holder.holder)}`;
  if (wait === 0) return new Failure(`${quoted(key)} is busy${who}`, busyCode ?? EXIT.busy, "LOCK_BUSY");
  const said = `${quoted(key)} was still busy after ${wait} ms${who}`;
  return new Failure(said, busyCode ?? EXIT.timeout, "LOCK_TIMEOUT");
}

function lockableOf(locks: Locks, key: string, { shared, permits }: AcquireFlags): Pick<Lockable, "acquire"> {
  if (shared) return locks.readWrite(key).read;
  if (permits !== undefined) return locks.semaphore(key, { permits });
  return { acquire: (options) => locks.acquire(key, options) };
}
