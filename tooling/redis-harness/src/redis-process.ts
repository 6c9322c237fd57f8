import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { dataOf, type Home } from "./home.ts";
import { whyNotReady } from "./readiness.ts";
import { guard } from "./watchdog.ts";

export interface Launch {
  readonly binary: string;
  readonly home: Home;
  readonly port: number;
  readonly password: string | undefined;
  readonly args: readonly string[];
  /** On top of this process's own environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Asks for something that names the data directory. */
  readonly proof: readonly string[] | undefined;
}

/** Another process listens on the port already. */
export class PortTakenError extends Error {}

const READY_WITHIN_MS = 10_000;
const STOP_GRACE_MS = 2_000;

/** One run of a redis-server, from its start to its exit. */
export class RedisProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(child: ChildProcess, pid: number) {
    this.pid = pid;
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once("exit", resolve));
    child.unref();
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(name: NodeJS.Signals): void {
    if (!this.isRunning) throw new Error(`redis-server (pid ${this.pid}) is not running`);
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    if (!this.isRunning) return;
    this.#child.ref();
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.#child.ref();
    this.#child.kill("SIGTERM");
    // A paused process takes no SIGTERM before it is resumed.
    this.#child.kill("SIGCONT");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_GRACE_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}

/** Starts redis-server and resolves once it answers PING. */
export async function launchRedis(launch: Launch): Promise<RedisProcess> {
  const server = await spawnRedis(launch);
  const problem = await waitUntilReady(server, launch);
  if (problem === undefined) return server;

  await server.kill();
  const log = (await readFile(logOf(launch.home), "utf8").catch(() => "")).split("\n").slice(-20).join("\n");
  const message = `redis-server on 127.0.0.1:${launch.port} did not become ready: ${problem}\n${log}`;
  throw /Address already in use|Failed listening on port/i.test(log)
    ? new PortTakenError(message)
    : new Error(message);
}

async function spawnRedis({ binary, home, port, args, env }: Launch): Promise<RedisProcess> {
  const log = await open(logOf(home), "w");
  try {
    const child = spawn(binary, args, {
      cwd: dataOf(home),
      env: { ...process.env, ...env },
      // A file and not a pipe: redis must neither keep this process alive nor depend on it to read.
      stdio: ["ignore", log.fd, log.fd],
      // Ctrl-C is for the program under test, which may still want its Redis while it winds down.
      detached: true,
    });
    const spawned = once(child, "spawn");
    // Guarded in the same tick as it is spawned: a crash of this process finds no gap between the two.
    if (child.pid !== undefined) guard({ home, pid: child.pid, port });
    await spawned;
    return new RedisProcess(child, child.pid ?? 0);
  } finally {
    await log.close();
  }
}

async function waitUntilReady(server: RedisProcess, launch: Launch): Promise<string | undefined> {
  const { port, password, home, proof } = launch;
  const deadline = performance.now() + READY_WITHIN_MS;
  let problem: string | undefined = "it was never asked";
  while (server.isRunning && performance.now() < deadline) {
    problem = await whyNotReady({ port, password, proof, directory: dataOf(home) });
    if (problem === undefined) return undefined;
    await sleep(10);
  }
  return server.isRunning ? `after ${READY_WITHIN_MS} ms ${problem}` : "it exited";
}

function logOf(home: Home): string {
  return join(home, "redis.log");
}
