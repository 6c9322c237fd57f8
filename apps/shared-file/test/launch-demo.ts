import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const TSX = createRequire(import.meta.url).resolve("tsx/cli");
const LIMIT_MS = 20_000;

export interface Ended {
  /** Null when it took too long. */
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Arguments for node that start the demo as `pnpm demo` does, without the build. */
export function launcherArguments(args: readonly string[]): string[] {
  return [TSX, "apps/demo.ts", ...args];
}

/** With no Redis given but by `env`. */
export function launcherOptions(env: NodeJS.ProcessEnv = {}) {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, FORCE_COLOR, ...inherited } = process.env;
  return { cwd: ROOT, env: { ...inherited, ...env } };
}

/** Runs the demo to its end. */
export function launchDemo(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
  const options = { ...launcherOptions(env), timeout: LIMIT_MS };
  return new Promise((resolve) => {
    execFile(process.execPath, launcherArguments(args), options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr });
    });
  });
}

/** The numbers of the lines of the file that the demo has printed. */
export function printedNumbers(stdout: string): number[] {
  const [, file = ""] = stdout.split("The file ");
  return [...file.matchAll(/^ +(\d+) {2}writer-\d+ {2}(?:\d+|-)/gm)].map(([, number]) => Number(number));
}
