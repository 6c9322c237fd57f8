import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startRedis } from "@lock/redis-harness";
import stringWidth from "string-width";
import { openClient } from "./clients.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Demos end by themselves within seconds; a machine that is busy with something else needs many times that. */
const LIMIT_MS = 55_000;

/** What ends a demo early, and the exit code that is to come of it. All demos hear SIGTERM as they hear SIGINT. */
export const INTERRUPTIONS = [
  ["SIGINT", 130],
  ["SIGKILL", null],
] as const;

export interface Ended {
  /** Null when it took too long. */
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Starts demos as `pnpm demo` does, without the build. Without the tsx command in between, which could not tell anybody
 * that it was SIGKILLed.
 */
function launcherArguments(args: readonly string[]): string[] {
  return ["--import", "tsx", "apps/demo.ts", ...args];
}

/** With no Redis and no width given but by `env`. */
function launcherOptions(env: NodeJS.ProcessEnv = {}) {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, FORCE_COLOR, COLUMNS, ...inherited } =
    process.env;
  return { cwd: ROOT, env: { ...inherited, ...env } };
}

/** The words that no line break can shorten may be longer. */
export function expectFits(output: string, columns: number): void {
  const lines = output.split("\n").filter((line) => stringWidth(line) > columns && line.trim().includes(" "));
  if (lines.length > 0) throw new Error(`longer than ${columns} columns:\n${lines.join("\n")}`);
}

/** Runs a demo to its end. */
export function launchDemo(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
  const options = { ...launcherOptions(env), timeout: LIMIT_MS };
  return new Promise((resolve) => {
    execFile(process.execPath, launcherArguments(args), options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr });
    });
  });
}

/**
 * Starts a demo, and ends its launcher by the signal at the first line that matches; resolves when no process is left
 * that writes to the output.
 */
export async function interruptDemo(args: readonly string[], at: RegExp, signal: NodeJS.Signals) {
  const child = spawn(process.execPath, launcherArguments(args), {
    ...launcherOptions(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    stdout += `${line}\n`;
    if (at.test(line)) child.kill(signal);
  });
  // Not "exit": the output is closed by the last process that has it, not by the first one to go.
  const [code] = await once(child, "close");
  return { code, stdout };
}

/** A Redis that a demo is told of by its environment, and that stays when the demo ends. */
export async function startGivenRedis() {
  /** The part of the password that looks the same within a url: not to be shown. */
  const secret = "s3cret";
  const redis = await startRedis({ password: `${secret}/@:` });
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

/** Whether a server listens at that port of this machine. */
export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const settle = (open: boolean) => () => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", settle(true)).once("error", settle(false));
  });
}
