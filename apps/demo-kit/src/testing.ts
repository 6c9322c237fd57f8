import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startRedis } from "@lock/redis-harness";
import stringWidth from "string-width";
import { expect, vi } from "vitest";
import { discoverDemos } from "./discover.ts";

const APPS = fileURLToPath(new URL("../..", import.meta.url));
const demos = await discoverDemos(APPS);
/** Demos end by themselves within seconds; a machine that is busy with something else needs many times that. */
const LIMIT_MS = 55_000;
const PATIENCE_MS = 10_000;

/** Its launcher may end by SIGKILL: a demo learns of it from the channel between them. */
type Interruption = NodeJS.Signals | "the end of its launcher";

export interface Ended {
  /** Null when it took too long. */
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The launcher, as `pnpm demo` calls it, but without the build. */
const LAUNCHER = ["--import", "tsx", "demo.ts"] as const;

/** Starts the demo as its launcher does. */
function commandOf([name = "", ...args]: readonly string[]): string[] {
  const demo = demos.find((candidate) => candidate.name === name);
  if (demo === undefined) throw new Error(`there is no demo ${name}`);
  return [demo.command, ...args];
}

/** With no Redis and no width given but by `env`. */
function optionsOfDemo(env: NodeJS.ProcessEnv = {}) {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, FORCE_COLOR, COLUMNS, ...inherited } =
    process.env;
  return { cwd: APPS, env: { ...inherited, ...env } };
}

/** The words that no line break can shorten may be longer. */
export function expectFits(output: string, columns: number): void {
  const lines = output.split("\n").filter((line) => stringWidth(line) > columns && line.trim().includes(" "));
  if (lines.length > 0) throw new Error(`longer than ${columns} columns:\n${lines.join("\n")}`);
}

/** Runs a demo to its end: its name, and its arguments. */
export function launchDemo(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
  return runNode(commandOf(args), env);
}

/** Runs the launcher to its end. */
export function runLauncher(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
  return runNode([...LAUNCHER, ...args], env);
}

function runNode(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
  const options = { ...optionsOfDemo(env), timeout: LIMIT_MS };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr });
    });
  });
}

/** Starts a demo, and interrupts it at the first line that matches. */
export function interruptDemo(args: readonly string[], at: RegExp, by: Interruption) {
  return interrupt(commandOf(args), at, by);
}

/** Starts the launcher, and interrupts it at the first line that matches. */
export function interruptLauncher(args: readonly string[], at: RegExp, by: NodeJS.Signals) {
  return interrupt([...LAUNCHER, ...args], at, by);
}

/** Resolves when no process is left that writes to the output. */
async function interrupt(args: readonly string[], at: RegExp, by: Interruption) {
  const child = spawn(process.execPath, args, {
    ...optionsOfDemo(),
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  if (child.stdout === null) throw new Error("the process has no output");
  let stdout = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    stdout += `${line}\n`;
    if (!at.test(line)) return;
    if (by !== "the end of its launcher") child.kill(by);
    else if (child.connected) child.disconnect();
  });
  // The output is closed by the last process that has it, not by the first one to go.
  const [[code]] = await Promise.all([once(child, "exit"), once(child.stdout, "close")]);
  return { code, stdout };
}

/** A Redis that a demo is told of by its environment, and that stays when the demo ends. */
export async function startGivenRedis() {
  /** The part of the password that looks the same within a url: not to be shown. */
  const secret = "s3cret";
  const redis = await startRedis({ password: `${secret}/@:` });
  const { openClient } = await import("./clients.ts");
  const client = openClient(redis.url);
  return {
    place: `${redis.host}:${redis.port}`,
    env: { REDIS_HOST: redis.host, REDIS_PORT: String(redis.port), REDIS_PASSWORD: redis.password },
    secret,
    /** All that is in it; `expiresIn` is in milliseconds, negative for what stays. */
    keys: async () => {
      const keys = await client.keys("*");
      return Promise.all(keys.map(async (key) => ({ key, expiresIn: await client.pttl(key) })));
    },
    [Symbol.asyncDispose]: async () => {
      client.disconnect();
      await redis.stop();
    },
  };
}

/** Waits until no server listens at those ports of this machine, and no process has one of them in its environment. */
export async function expectNothingAt(ports: readonly number[]): Promise<void> {
  expect(ports).not.toContain(Number.NaN);
  expect(ports).not.toContain(0);
  for (const port of ports) {
    await vi.waitFor(
      async () => {
        expect(await isOpen(port)).toBe(false);
        expect(processesWith(`127.0.0.1:${port}`)).toEqual([]);
      },
      { timeout: PATIENCE_MS },
    );
  }
}

/** Whether a server listens at that port of this machine. */
function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const settle = (open: boolean) => () => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", settle(true)).once("error", settle(false));
  });
}

/** The pids of the processes whose environment has the text: what a demo starts has the address of its Redis there. */
export function processesWith(text: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(text);
    } catch {
      return false;
    }
  });
}
