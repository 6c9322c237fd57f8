import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";

interface Guarded {
  readonly home: string;
  readonly pid?: number;
  readonly port?: number;
  /** What ends it. Default SIGKILL, as for a server that leaves nothing behind outside of its home. */
  readonly signal?: NodeJS.Signals;
}

const SCRIPT = fileURLToPath(new URL("./watchdog-process.mjs", import.meta.url));

const guarded = new Map<string, Guarded>();
let watchdog: ChildProcess | undefined;

/** From now on, if this process ends in any way, the server is killed and its home directory removed. */
export function guard(entry: Guarded): void {
  guarded.set(entry.home, entry);
  // The first call starts the watchdog, and so does the first one after somebody ended it: tell it everything.
  if (watchdog === undefined) {
    watchdog = startWatchdog();
    for (const known of guarded.values()) tell(known);
  } else {
    tell(entry);
  }
}

/** The server is gone and its home directory removed: nothing is left to clean up. */
export function release(home: string): void {
  guarded.delete(home);
  tell({ home, release: true });
}

function tell(message: Guarded & { release?: true }): void {
  watchdog?.stdin?.write(`${JSON.stringify(message)}\n`);
}

function startWatchdog(): ChildProcess {
  const child = spawn(process.execPath, [SCRIPT], {
    stdio: ["pipe", "ignore", "ignore"],
    // Ctrl-C reaches the whole process group, and a clean-up that dies with its parent is none.
    detached: true,
    cwd: "/",
    // A NODE_OPTIONS of the parent would load its hooks here too.
    env: { PATH: process.env.PATH },
  });
  const forget = () => {
    if (watchdog === child) watchdog = undefined;
  };
  child.on("error", forget);
  child.on("exit", forget);
  child.stdin?.on("error", forget);
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  return child;
}
