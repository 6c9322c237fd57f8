import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { codeOfSignal } from "../exit-codes.ts";
import { hasTerminal, isForeground } from "./foreground.ts";
import { endWith, JobControl } from "./job-control.ts";

/** A command in a process group of its own. It does nothing until `go`. */
export interface Command {
  readonly group: number;
  /** The exit code, as shells tell it. */
  readonly ended: Promise<number>;
  go(): void | Promise<void>;
  /** The shell that controls it as a job at the terminal: what is typed comes to the command and not to us. */
  readonly shell?: number;
}

/** Ends without running anything where `lock run` is gone before it says go. */
const WAIT_FOR_GO = 'read -r _ <&3 || exit 125; exec 3<&-; exec "$@"';

/**
 * Starts a command in a group of its own, so that all of it can be ended at once.
 *
 * At a terminal a shell with job control makes the group, since only the group in its foreground may read it, and Node
 * cannot say which one that is. Else a session of its own does.
 */
export async function startCommand(words: readonly string[], env: NodeJS.ProcessEnv): Promise<Command> {
  if (hasTerminal()) {
    const job = await JobControl.start(words, env);
    if (job !== undefined) return job;
  }
  // What is typed is not for a command in the background.
  const stdin = process.stdin.isTTY === true && !isForeground() ? "ignore" : "inherit";
  const shell = spawn("/bin/sh", ["-c", WAIT_FOR_GO, "lock run", ...words], {
    env,
    detached: true,
    stdio: [stdin, "inherit", "inherit", "pipe"],
  });
  await once(shell, "spawn");
  const go = shell.stdio[3];
  go?.on("error", () => undefined);
  return {
    group: shell.pid ?? -1,
    ended: once(shell, "exit").then(([code, signal]) => exitCode(code, signal)),
    go: () => endWith(shell, 3, "go\n"),
  };
}

function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 0) : codeOfSignal(signal, constants.signals);
}
