import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Demos end by themselves within seconds; a machine that is busy with something else needs many times that. */
const LIMIT_MS = 55_000;

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

/** With no Redis given but by `env`. */
function launcherOptions(env: NodeJS.ProcessEnv = {}) {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, FORCE_COLOR, ...inherited } = process.env;
  return { cwd: ROOT, env: { ...inherited, ...env } };
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
