import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when its output has the text. */
  says(text: string | RegExp): Promise<void>;
}

const { REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_NODES, REDIS_PASSWORD, COLUMNS, FORCE_COLOR, ...OURS } =
  process.env;

/** An environment that names no Redis and no terminal but what is given; not what `lockHere` sets meanwhile. */
export function environment(given: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...OURS, ...given };
}

/** Starts the built program as its users do. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}, input = ""): Started {
  const child = spawn(process.execPath, [MAIN, ...args], { env: environment(env) });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const has = (text: string | RegExp) => {
    const all = said.stdout + said.stderr;
    return typeof text === "string" ? all.includes(text) : text.test(all);
  };
  return {
    child,
    ended: once(child, "close").then(([code, signal]) => ({ code, signal, ...said })),
    async says(text) {
      while (!has(text)) {
        const more = [once(child.stdout, "data"), once(child.stderr, "data")];
        const over = once(child, "close").then(() => {
          if (!has(text)) throw new Error(`it ended without ${text}: ${said.stdout}${said.stderr}`);
        });
        await Promise.race([...more, over]);
      }
    },
  };
}

/** Runs it to its end. */
export function lock(args: readonly string[], env?: NodeJS.ProcessEnv, input?: string): Promise<Ended> {
  return start(args, env, input).ended;
}

/** Whether a process is there, or, with a minus, its group. */
export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** What Linux says of the state of a process; "" where it is gone or has ended. */
export function stateOf(pid: number): string {
  try {
    const [, state = ""] = /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return state === "Z" ? "" : state;
  } catch {
    return "";
  }
}

/** The session of a process, as Linux says. */
export function sessionOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]);
}

export function hasEnded(pid: number): boolean {
  return stateOf(pid) === "";
}
