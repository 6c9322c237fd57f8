import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findRedisServer } from "@lock/redis-harness";
import { canListen, findFreePort } from "@lock/redis-harness/host";
import { afterAll, beforeAll } from "vitest";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const LOADER = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

export interface Outcome {
  readonly code: number;
  /** What it printed, on either channel. */
  readonly output: string;
}

type Variables = Readonly<Record<string, string>>;

/** The commands, with a state directory of their own, and on a machine without Docker: none of a person's is touched. */
export interface Control {
  readonly state: string;
  run(words: string, env?: Variables): Promise<Outcome>;
  /** Puts a program in front of all others. */
  install(name: string, script: string): Promise<void>;
}

export function useControl(): Control {
  let folder = "";
  let server = "";
  const state = () => join(folder, "state");
  const bin = () => join(folder, "bin");
  const run = (words: string, env: Variables = {}): Promise<Outcome> => {
    // `ps` is there on macOS, and nothing else is needed.
    const PATH = process.platform === "linux" ? bin() : `${bin()}:/bin`;
    const environment = { PATH, XDG_STATE_HOME: state(), REDIS_SERVER: server, ...env };
    return new Promise((resolve) => {
      const args = ["--import", LOADER, MAIN, ...words.split(" ")];
      execFile(process.execPath, args, { env: environment, timeout: 60_000 }, (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? -1);
        resolve({ code, output: `${stdout}${stderr}` });
      });
    });
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lock-control-"));
    await mkdir(bin());
    server = await findRedisServer();
  });
  afterAll(async () => {
    await run("stop");
    await rm(folder, { recursive: true, force: true });
  });
  return {
    get state() {
      return state();
    },
    run,
    install: (name, script) => writeFile(join(bin(), name), script, { mode: 0o755 }),
  };
}

/** The first of as many ports in a row that nothing listens on. */
export async function findFreePorts(count: number): Promise<number> {
  for (;;) {
    const first = await findFreePort();
    const rest = Array.from({ length: count - 1 }, (_, index) => canListen(first + index + 1));
    if ((await Promise.all(rest)).every(Boolean)) return first;
  }
}
