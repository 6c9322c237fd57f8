import { mkdir, readdir, readFile, readlink, realpath, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { run } from "@lock/redis-harness/host";
import type { Instance } from "./instances.ts";

/** A redis-server that `redis:start` has started. */
export interface Running extends Instance {
  readonly pid: number;
}

export interface Home {
  readonly directory: string;
  readonly data: string;
  readonly log: string;
}

/** Of this user, and not in a directory that others can write to. */
export function stateDirectory(): string {
  return join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "lock-redis");
}

export function homeOf(name: string): Home {
  const directory = join(stateDirectory(), name);
  return { directory, data: join(directory, "data"), log: join(directory, "redis.log") };
}

export async function createHome(name: string): Promise<Home> {
  const home = homeOf(name);
  await mkdir(home.data, { recursive: true, mode: 0o700 });
  return home;
}

export async function remember({ name, port, pid }: Running): Promise<void> {
  await writeFile(recordOf(name), JSON.stringify({ port, pid }), { mode: 0o600 });
}

export async function forget(name: string): Promise<void> {
  await rm(recordOf(name), { force: true });
}

/** Those that were started and still run. */
export async function findRunning(): Promise<Running[]> {
  const names = await readdir(stateDirectory()).catch(() => []);
  const found = await Promise.all(names.sort().map(recall));
  return found.flatMap((running) => (running === undefined ? [] : [running]));
}

/** What was remembered of an instance, if it still is what it was. */
export async function recall(name: string): Promise<Running | undefined> {
  const text = await readFile(recordOf(name), "utf8").catch(() => "{}");
  const { pid, port } = parse(text);
  if (!Number.isSafeInteger(pid) || !Number.isSafeInteger(port)) return undefined;
  const running = { name, pid: Number(pid), port: Number(port) };
  return (await isOurs(running)) ? running : undefined;
}

/** Whether the process is that server: a pid may have been given to another one since. */
export async function isOurs({ name, pid, port }: Running): Promise<boolean> {
  const { data } = homeOf(name);
  if (process.platform === "linux") {
    const [place, home] = await Promise.all([readlink(`/proc/${pid}/cwd`), realpath(data)]).catch(() => []);
    return place !== undefined && place === home;
  }
  const { ok, output } = await run("ps", ["-o", "command=", "-p", String(pid)]);
  return ok && /(redis|valkey)-server/.test(output) && output.includes(`:${port}`);
}

function recordOf(name: string): string {
  return join(homeOf(name).directory, "running.json");
}

function parse(text: string): { readonly pid?: unknown; readonly port?: unknown } {
  try {
    return Object(JSON.parse(text));
  } catch {
    // Cut off in the middle of a write: as good as none.
    return {};
  }
}
