import { vi } from "vitest";
import { main } from "../../src/program.ts";
import { type Ended, environment } from "./lock.ts";

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a command line in this process, which starts in no time; one after the other, as its output and its environment
 * are those of the process. For what needs no process of its own.
 */
export function lockHere(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Omit<Ended, "signal">> {
  const ended = last.then(() => runHere(args, env));
  last = ended.catch(() => undefined);
  return ended;
}

async function runHere(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Omit<Ended, "signal">> {
  const before = { env: process.env, exitCode: process.exitCode };
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      said[name] += String(text);
      return true;
    });
  }
  process.env = environment(env);
  process.exitCode = undefined;
  try {
    await main(args);
    return { code: Number(process.exitCode ?? 0), ...said };
  } finally {
    process.env = before.env;
    process.exitCode = before.exitCode;
    vi.restoreAllMocks();
  }
}
