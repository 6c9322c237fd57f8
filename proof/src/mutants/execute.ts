import { spawn } from "node:child_process";

export interface ExecuteOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds, after which it is ended with all that it has started. Default: none. */
  readonly timeout?: number;
}

export interface Execution {
  /** Not 0 also where it was ended. */
  readonly code: number;
  readonly output: string;
  readonly isTimedOut: boolean;
}

/** The groups of processes that run now. */
const running = new Set<number>();

/** Runs a program, as a group of processes of its own. */
export function execute(
  program: string,
  args: readonly string[],
  { cwd, env, timeout }: ExecuteOptions,
): Promise<Execution> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: env ?? process.env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const group = child.pid;
    let output = "";
    let isTimedOut = false;
    const hear = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    const timer = setTimeout(
      () => {
        isTimedOut = true;
        if (group !== undefined) endGroup(group);
      },
      timeout ?? 2 ** 31 - 1,
    );
    if (group !== undefined) running.add(group);
    const over = () => {
      clearTimeout(timer);
      if (group !== undefined) running.delete(group);
    };
    child.on("error", (error) => {
      over();
      reject(error);
    });
    child.on("close", (code) => {
      over();
      resolve({ code: code ?? 1, output, isTimedOut });
    });
  });
}

function endGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** A process that is told to end leaves nothing running. */
export function endWithProcess(): () => void {
  const end = () => {
    for (const group of running) endGroup(group);
    process.exit(130);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, end);
  return () => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, end);
  };
}
