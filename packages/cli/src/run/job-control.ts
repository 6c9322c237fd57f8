import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOfSignal } from "../exit-codes.ts";
import { foregroundGroup, isForeground } from "./foreground.ts";
import { signalGroup } from "./group.ts";

/**
 * Runs the command as a job of its own. Descriptor 3 tells the command to go, 4 tells us what becomes of it, 5 tells the
 * shell what to do. Its own complaints, such as "Terminated", are not shown. The trap: dash interrupts itself where a job
 * was interrupted.
 */
const SHELL = `exec 9>&2 2>/dev/null
case $- in *m*) ;; *) echo none >&4; exit 125;; esac
(exec 2>&9 9>&- 4>&- 5<&-; read -r _ <&3 || exit 125; exec 3<&-; exec "$@") &
pid=$!
exec 3<&-
echo "group $pid" >&4
trap : INT QUIT
follow() {
  case $1 in
    fg) fg;;
    *) bg; wait "$pid";;
  esac >/dev/null
  code=$?
  kill -0 "$pid" || return
  echo "stopped $code" >&4
  read -r how <&5 || kill -KILL $$
  follow "$how"
}
follow fg
echo "ended $code" >&4
read -r how <&5 || kill -KILL $$
exit "$code"`;

/** It wants the terminal, which it has not: SIGTTIN, SIGTTOU. */
const WANTS_TERMINAL = [128 + 21, 128 + 22];
/** On PATH. bash, which is sh in some places, takes the terminal from the user's shell when its job is in the background. */
const DASH = "dash";
const FOREGROUND_PATIENCE = 500;
/** The descriptor by which the shell is told what to do. */
const ORDERS = 5;
const STOP_PATIENCE = 200;

/** A command that has the terminal while we wait for it: Ctrl-C, Ctrl-Z, `fg` and `bg` do what they always do. */
export class JobControl {
  readonly shell: number;
  readonly ended: Promise<number>;

  private constructor(
    private readonly child: ChildProcess,
    readonly group: number,
    reports: AsyncIterator<string>,
  ) {
    this.shell = child.pid ?? -1;
    this.ended = this.#follow(reports);
  }

  /** Undefined where there is no dash, or no job control for it. */
  static async start(words: readonly string[], env: NodeJS.ProcessEnv): Promise<JobControl | undefined> {
    const shell = spawn(DASH, ["-m", "-c", SHELL, "lock run", ...words], {
      env,
      stdio: ["inherit", "inherit", "inherit", "pipe", "pipe", "pipe"],
    });
    if (!(await isFound(shell))) return undefined;
    for (const pipe of shell.stdio) pipe?.on("error", () => undefined);
    const reports = createInterface({ input: shell.stdio[4] as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]();
    const { value: first = "none" } = await reports.next();
    const [, group] = /^group (\d+)$/.exec(first) ?? [];
    if (group === undefined) return undefined;
    return new JobControl(shell, Number(group), reports);
  }

  /** Once it has the terminal: a program that asks for it earlier is stopped. */
  async go(): Promise<void> {
    const until = performance.now() + FOREGROUND_PATIENCE;
    while (foregroundGroup() !== this.group && performance.now() < until) await sleep(2);
    endWith(this.child, 3, "go\n");
  }

  async #follow(reports: AsyncIterator<string>): Promise<number> {
    for (;;) {
      const { value: report = "" } = await reports.next();
      const [, what, code] = /^(stopped|ended) (\d+)$/.exec(report) ?? [];
      if (report !== "" && what === undefined) this.child.kill("SIGKILL");
      if (what === undefined) return this.#shellEnded();
      if (what === "ended") return this.#jobEnded(Number(code));
      await this.#jobStopped(Number(code));
    }
  }

  /** Stops as the command did, so that the user's shell gets the terminal; goes on when that says so. */
  async #jobStopped(code: number): Promise<void> {
    const isOurs = () => isForeground() || foregroundGroup() === this.shell;
    if (!(WANTS_TERMINAL.includes(code) && isOurs())) {
      const goesOn = new Promise((resolve) => process.once("SIGCONT", resolve));
      process.kill(0, "SIGTSTP");
      // Where no shell could continue us, the system does not stop us.
      await Promise.race([goesOn, sleep(STOP_PATIENCE)]);
    }
    this.#order(isOurs() ? "fg" : "bg");
  }

  async #jobEnded(code: number): Promise<number> {
    const exited = this.#exited();
    if (foregroundGroup() === this.shell) this.#order("exit");
    // In the background its way to end would take the terminal from the user's shell.
    else this.child.kill("SIGKILL");
    await exited;
    return code;
  }

  /** Without a word: somebody has ended it. */
  async #shellEnded(): Promise<number> {
    signalGroup(this.group, "SIGKILL");
    await this.#exited();
    const { exitCode, signalCode } = this.child;
    return signalCode === null ? (exitCode ?? 0) : codeOfSignal(signalCode, constants.signals);
  }

  async #exited(): Promise<void> {
    const { exitCode, signalCode } = this.child;
    if (exitCode === null && signalCode === null) await once(this.child, "exit");
  }

  #order(how: "fg" | "bg" | "exit"): void {
    const { [ORDERS]: pipe }: readonly unknown[] = this.child.stdio;
    if (pipe instanceof Writable) pipe.write(`${how}\n`);
  }
}

async function isFound(child: ChildProcess): Promise<boolean> {
  try {
    await once(child, "spawn");
    return true;
  } catch (error) {
    if (["ENOENT", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

export function endWith(child: ChildProcess, descriptor: number, text: string): void {
  const pipe = child.stdio[descriptor];
  if (pipe && "end" in pipe) pipe.end(text);
}
