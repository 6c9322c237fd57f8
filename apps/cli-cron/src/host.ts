import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const manifest = fileURLToPath(import.meta.resolve("@lock/cli/package.json"));
const LOCK = join(dirname(manifest), JSON.parse(readFileSync(manifest, "utf8")).bin.lock);
const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export interface HostOptions {
  readonly name: string;
  readonly key: string;
  readonly ledger: string;
  readonly env: Readonly<Record<string, string>>;
  /** The exit code of each lock run; null where a signal ended the shell that tells it. */
  readonly onCode: (code: number) => void;
}

/** A shell that does what cron does on one host. */
export class Host implements AsyncDisposable {
  readonly #shell: ChildProcess;
  #lockRun = 0;

  constructor({ name, key, ledger, env, onCode }: HostOptions) {
    this.#shell = spawn("sh", [fileOf("./cron.sh")], {
      env: {
        ...process.env,
        ...env,
        NODE: process.execPath,
        LOCK,
        KEY: key,
        HOST: name,
        LEDGER: ledger,
        REPORT: fileOf("./report.sh"),
      },
      // Shells say "Killed" there.
      stdio: ["ignore", "pipe", "ignore"],
      // All of it can be ended at once.
      detached: true,
    });
    if (this.#shell.stdout === null) throw new Error("the shell has no stdout");
    createInterface({ input: this.#shell.stdout }).on("line", (line) => {
      const [what, number] = line.split(" ");
      if (what === "pid") this.#lockRun = Number(number);
      else onCode(Number(number));
    });
  }

  /** Ends its lock run in the one way that lock run cannot hear of. */
  killLockRun(): void {
    process.kill(this.#lockRun, "SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid, exitCode, signalCode } = this.#shell;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    // lock run passes it on to its report, and waits for its end: the output is closed then.
    const closed = once(this.#shell, "close");
    process.kill(-pid, "SIGTERM");
    await closed;
  }
}
