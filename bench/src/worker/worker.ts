import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { MeasuredBuild } from "../against/builds.ts";
import { idOf, type Label } from "../contestants/contestant.ts";
import type { FromWorker, JobName, Outcome, Request } from "./jobs.ts";

const PROCESS = fileURLToPath(new URL("./process.ts", import.meta.url));
/** `--import tsx` is looked up from here. */
const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
const START_WITHIN = 15_000;

/** The parent's end of one worker process. Every wait has a deadline; whoever misses it is killed. */
export class Worker {
  readonly #child: ChildProcess;
  #complaint = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = `${this.#complaint}${text}`.slice(-2_000);
    });
  }

  /** `builds`: the builds of `@lock/core` that are measured; else it is the one of this checkout. */
  static async start(contestant: Label, url: string, builds: readonly MeasuredBuild[] = []): Promise<Worker> {
    const child = fork(PROCESS, [idOf(contestant), url, ...builds.map((build) => JSON.stringify(build))], {
      cwd: PACKAGE,
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    const worker = new Worker(child);
    await worker.#reply(START_WITHIN);
    return worker;
  }

  async ask<Name extends JobName>(
    job: Name,
    request: Request<Name>,
    deadline: number,
  ): Promise<Outcome<Name>> {
    const reply = this.#reply(deadline);
    this.#child.send({ job, request });
    const message = await reply;
    if (message.status !== "done") throw new Error(`the worker answered ${message.status} to ${job}`);
    // One job at a time, so the answer is to this one.
    return message.outcome as Outcome<Name>;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 1_000);
    await gone;
    clearTimeout(timer);
  }

  /** The next message. Rejects when the worker failed, died, or says nothing until the deadline. */
  #reply(deadline: number): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#child.off("message", onMessage);
        this.#child.off("exit", onExit);
        act();
      };
      const fail = (reason: string) =>
        settle(() => {
          this.#child.kill("SIGKILL");
          reject(new Error(reason));
        });
      const onMessage = (message: FromWorker) => {
        if (message.status === "failed") fail(message.reason);
        else settle(() => resolve(message));
      };
      const onExit = (code: number | null, signal: string | null) =>
        fail(`crashed (${signal ?? `exit code ${code}`}): ${errorLine(this.#complaint)}`);
      const timer = setTimeout(() => fail(`no answer within ${deadline} ms`), deadline);
      this.#child.on("message", onMessage);
      this.#child.on("exit", onExit);
    });
  }
}

/** The line of a crash report that says what happened. */
function errorLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.find((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.find(Boolean) ?? "no message";
}
