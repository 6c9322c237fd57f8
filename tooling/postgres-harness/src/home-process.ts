import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { guard } from "@lock/redis-harness/host";
import type { Home } from "./home.ts";

const STOP_PATIENCE_MS = 2_000;

/** A process that lives in the home of a server: as its owner, with its log, and not longer than this process. */
export class HomeProcess {
  /** Whether it ended well. */
  readonly exited: Promise<boolean>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = new Promise((resolve) => child.once("exit", (code) => resolve(code === 0)));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** From now on it does not keep this process alive. */
  unref(): void {
    this.#child.unref();
  }

  /** Sends one signal after the other until it ends, and SIGKILL at last. */
  async stop(...signals: NodeJS.Signals[]): Promise<void> {
    for (const signal of [...signals, "SIGKILL" as const]) {
      if (!this.isRunning) return;
      this.#child.ref();
      this.#child.kill(signal);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, STOP_PATIENCE_MS);
      });
      await Promise.race([this.exited, late]);
      clearTimeout(timer);
    }
    await this.exited;
  }
}

export async function startInHome(
  home: Home,
  command: string,
  args: readonly string[],
  guarding: { readonly port?: number; readonly signal?: NodeJS.Signals } = {},
): Promise<HomeProcess> {
  const { directory, account } = home;
  const log = await open(home.log, "w");
  try {
    const child = spawn(command, args, {
      ...account,
      cwd: directory,
      // The messages are read, so they must be in English. What PG* variables say is not meant for this server.
      env: { PATH: process.env.PATH, LC_ALL: "C" },
      // A file and not a pipe: it must neither keep this process alive nor depend on it to read.
      stdio: ["ignore", log.fd, log.fd],
      // Ctrl-C is for the program under test, which may still want its database while it winds down.
      detached: true,
    });
    const process_ = new HomeProcess(child);
    const spawned = once(child, "spawn");
    // Guarded in the same tick as it is spawned: a crash of this process finds no gap between the two.
    if (child.pid !== undefined) guard({ home: directory, pid: child.pid, ...guarding });
    await spawned;
    return process_;
  } finally {
    await log.close();
  }
}

/** The end of what the last process wrote. */
export async function endOfLog({ log }: Home): Promise<string> {
  return (await readFile(log, "utf8").catch(() => "")).trim().split("\n").slice(-20).join("\n");
}
