import { spawn } from "@lydell/node-pty";
import { environment } from "./lock.ts";

/** A terminal with a program in it, typed to and read by a test. */
export class Terminal implements Disposable {
  readonly #pty;
  #unread = "";
  #all = "";
  #listeners = new Set<() => void>();
  readonly ended: Promise<number>;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv, columns = 80, rows = 24) {
    // The shell's own escapes, such as those of a bracketed paste, are not looked at.
    const given = { TERM: "xterm", ...environment(env), PS1: "ready> ", INPUTRC: "/dev/null" };
    this.#pty = spawn(command, [...args], { cols: columns, rows, env: given as Record<string, string> });
    this.#pty.onData((text) => {
      this.#unread += text;
      this.#all += text;
      for (const listener of this.#listeners) listener();
    });
    this.ended = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode }) => resolve(exitCode));
    });
  }

  get pid(): number {
    return this.#pty.pid;
  }

  /** All that it has written. */
  get all(): string {
    return this.#all;
  }

  type(text: string): void {
    this.#pty.write(text);
  }

  /** Resolves when it has written the text since the last call. */
  shows(text: string | RegExp, patience = 20_000): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#listeners.delete(look);
        reject(new Error(`no ${text} in ${JSON.stringify(this.#unread)}`));
      }, patience);
      const look = () => {
        const found = typeof text === "string" ? this.#find(text) : text.exec(this.#unread);
        if (!found) return;
        clearTimeout(timer);
        this.#listeners.delete(look);
        const shown = this.#unread.slice(0, found.index + found[0].length);
        this.#unread = this.#unread.slice(shown.length);
        resolve(shown);
      };
      this.#listeners.add(look);
      look();
    });
  }

  #find(text: string): { index: number; 0: string } | undefined {
    const index = this.#unread.indexOf(text);
    return index < 0 ? undefined : { index, 0: text };
  }

  [Symbol.dispose](): void {
    try {
      this.#pty.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  }
}

/** An interactive shell, as people have. */
export async function openShell(env: NodeJS.ProcessEnv): Promise<Terminal> {
  const terminal = new Terminal("/bin/bash", ["--norc", "-i"], env);
  await terminal.shows("ready> ");
  return terminal;
}
