import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findRedisServer } from "@lock/redis-harness";
import { Redis } from "ioredis";
import { afterAll, beforeAll, vi } from "vitest";
import { runCommand } from "../../src/command.ts";
import { logs } from "../../src/logs.ts";
import { restart } from "../../src/restart.ts";
import { start } from "../../src/start.ts";
import { stop } from "../../src/stop.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const LOADER = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

export interface Outcome {
  readonly code: number;
  /** What it printed, on either channel. */
  readonly output: string;
}

const COMMANDS = [start, stop, restart, logs];

type Variables = Readonly<Record<string, string>>;

/** The commands, with a state directory of their own, and on a machine without Docker: none of a person's is touched. */
export interface Control {
  readonly state: string;
  /** As a process of its own, as people run it. */
  run(words: string, env?: Variables): Promise<Outcome>;
  /** In this process, which starts in no time: for commands that start no other one at this terminal. */
  runHere(words: string, env?: Variables): Promise<Outcome>;
  /** Puts a program in front of all others. */
  install(name: string, script: string): Promise<void>;
}

export function useControl(): Control {
  let folder = "";
  let server = "";
  const state = () => join(folder, "state");
  const bin = () => join(folder, "bin");
  // `ps` is there on macOS, and nothing else is needed.
  const path = () => (process.platform === "linux" ? bin() : `${bin()}:/bin`);
  const environmentWith = (env: Variables) => ({
    PATH: path(),
    XDG_STATE_HOME: state(),
    REDIS_SERVER: server,
    ...env,
  });
  const run = (words: string, env: Variables = {}): Promise<Outcome> => {
    const environment = environmentWith(env);
    return new Promise((resolve) => {
      const args = ["--import", LOADER, MAIN, ...words.split(" ")];
      execFile(process.execPath, args, { env: environment, timeout: 60_000 }, (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? -1);
        resolve({ code, output: `${stdout}${stderr}` });
      });
    });
  };
  const runHere = async (words: string, env: Variables = {}): Promise<Outcome> => {
    const before = process.env;
    let output = "";
    for (const channel of [process.stdout, process.stderr]) {
      vi.spyOn(channel, "write").mockImplementation((text) => {
        output += String(text);
        return true;
      });
    }
    process.env = environmentWith(env);
    try {
      const [name = "", ...argv] = words.split(" ");
      const command = COMMANDS.find((each) => each.name === name);
      if (command === undefined) throw new Error(`there is no command ${name}`);
      return { code: await runCommand(command, argv), output };
    } finally {
      process.env = before;
      vi.restoreAllMocks();
    }
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lock-control-"));
    await mkdir(bin());
    server = await findRedisServer();
  });
  afterAll(async () => {
    await runHere("stop");
    await rm(folder, { recursive: true, force: true });
  });
  return {
    get state() {
      return state();
    },
    run,
    runHere,
    install: (name, script) => writeFile(join(bin(), name), script, { mode: 0o755 }),
  };
}

export async function ask<T>(url: string, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  redis.on("error", () => undefined);
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

/** On a machine that may be loaded. */
export const HEALTH = "health --timeout 20000 --max-ping 20000";

/** Output breaks its lines for the terminal. */
export const inOneLine = (output: string) => output.replaceAll(/\s+/g, " ");
