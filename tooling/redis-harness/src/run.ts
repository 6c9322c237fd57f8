import { execFile } from "node:child_process";

export interface RunResult {
  readonly ok: boolean;
  /** stdout and stderr together, then the reason when the command could not be run at all. */
  readonly output: string;
}

/** Runs a command to its end with its output captured; never rejects. */
export function run(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<RunResult> {
  const { env = process.env, timeoutMs = 0 } = options;
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      { env, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`.trim();
        resolve(error === null ? { ok: true, output } : { ok: false, output: output || error.message });
      },
    );
  });
}
