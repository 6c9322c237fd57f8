import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { deadlineIn, type Terms } from "./deadline.ts";
import type { ToWatcher } from "./watcher.ts";

/** As it is built: beside `dist/main.js`. */
const WATCHER = fileURLToPath(new URL("./run/watcher.js", import.meta.url));

/** The watcher process of one `lock run`, which is replaced should it end. */
export class WatchOver {
  #told: ToWatcher = {};
  #process: ChildProcess;
  #ready: Promise<unknown>;
  #closed = false;

  constructor() {
    [this.#process, this.#ready] = this.#start();
  }

  /** It runs, and hears what it is told, also what comes just before our own end. */
  async ready(): Promise<void> {
    await this.#ready;
  }

  terms(terms: Terms): void {
    this.#tell(terms);
  }

  /** The lease is valid for so many milliseconds from now. */
  validFor(left: number): void {
    this.#tell({ deadline: deadlineIn(left) });
  }

  guard({ group, shell }: Pick<ToWatcher, "group" | "shell">): void {
    this.#tell({ ...(group !== undefined && { group }), ...(shell !== undefined && { shell }) });
  }

  /** Nothing is left to watch. */
  close(): void {
    this.#closed = true;
    this.#process.stdin?.end(`${JSON.stringify({ group: null })}\n`);
  }

  #tell(message: ToWatcher): void {
    this.#told = { ...this.#told, ...message };
    this.#process.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  #start(): [ChildProcess, Promise<unknown>] {
    const child = spawn(process.execPath, [WATCHER], {
      stdio: ["pipe", "pipe", "ignore"],
      // Signals of the terminal and to our group are not meant for it.
      detached: true,
      cwd: "/",
      // It needs nothing else of ours: no credentials, and no hooks of NODE_OPTIONS. What was told before is there from
      // its first moment on: we may be killed before we can write it.
      env: { LOCK_TOLD: JSON.stringify(this.#told) },
    });
    child.stdin?.on("error", () => undefined);
    child.once("error", () => undefined);
    child.once("exit", () => this.#replace(child));
    const ready = Promise.race([once(child.stdout ?? child, "data"), once(child, "exit")]);
    ready.catch(() => undefined);
    child.unref();
    return [child, ready];
  }

  #replace(ended: ChildProcess): void {
    if (this.#closed || ended !== this.#process) return;
    [this.#process, this.#ready] = this.#start();
  }
}
