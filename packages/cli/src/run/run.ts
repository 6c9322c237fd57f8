import type { Lease, Locks } from "@lock/core";
import { EXIT } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { quoted } from "../output/printable.ts";
import { type Command, startCommand } from "./command.ts";
import type { Terms } from "./deadline.ts";
import { endGroup, signalGroup } from "./group.ts";
import { stopTogether } from "./pause.ts";
import type { Signals } from "./signals.ts";
import type { WatchOver } from "./watch-over.ts";

/** What a command runs under. */
export interface Scene {
  readonly locks: Locks;
  readonly key: string;
  readonly lease: Lease;
  readonly terms: Terms;
  readonly signals: Signals;
  readonly watch: WatchOver;
}

/** How a command ended. */
export interface Ended {
  /** Its exit code, as shells tell it. */
  readonly code: number;
  /** Whether Ctrl-C came to it alone: it had the terminal. */
  readonly alone: boolean;
}

/**
 * Runs the command while the lease is kept. Resolves once nothing of it is left.
 * @throws Failure when the lease was lost
 */
export async function runUnder(scene: Scene, words: readonly string[]): Promise<Ended> {
  const { locks, key, lease, watch, terms, signals } = scene;
  watch.terms(terms);
  watch.validFor(lease.validFor);
  const command = await startCommand(words, environmentOf(scene));
  watch.guard(command);
  const stops = [
    locks.on("extended", () => watch.validFor(lease.validFor)),
    locks.on("lost", () => signalGroup(command.group, "SIGKILL")),
    command.shell !== undefined ? () => undefined : stopTogether(command.group),
  ];
  try {
    const code = await supervise(scene, command);
    // The watcher asks the command to end from then on.
    const isLost = lease.validFor <= terms.grace;
    await endGroup(command.group, isLost ? 0 : terms.grace);
    if (isLost) throw lost(key);
    return { code, alone: command.shell !== undefined && !signals.got("SIGINT") };
  } finally {
    watch.guard({ group: null });
    for (const stop of stops) stop();
  }
}

/** Lets the command go, and waits for its end. */
async function supervise({ lease, signals }: Scene, command: Command): Promise<number> {
  signals.forwardTo((signal) => signalGroup(command.group, signal));
  const early = signals.exitCode;
  // Not started: it only waits for a word.
  if (early !== undefined || lease.validFor === 0) signalGroup(command.group, "SIGKILL");
  else await command.go();
  const code = await command.ended;
  return early ?? code;
}

function environmentOf({ key, lease }: Scene): NodeJS.ProcessEnv {
  return { ...process.env, LOCK_KEY: key, LOCK_FENCING_TOKEN: String(lease.fencingToken) };
}

function lost(key: string): Failure {
  return new Failure(
    `the lease of ${quoted(key)} was lost, or could not be extended in time: the command was ended`,
    EXIT.lost,
    "LOCK_LOST",
  );
}
