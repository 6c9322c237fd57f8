import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { canListen, whyNotReady } from "@lock/redis-harness/host";
import { ControlError } from "./command.ts";
import { type Instance, placeOf } from "./instances.ts";
import { tail } from "./log-file.ts";
import { createHome, forget, type Home, isOurs, type Running, remember } from "./state.ts";

const READY_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 10_000;

/**
 * Starts a redis-server that outlives this process, and resolves once it answers.
 * @throws ControlError when its port is taken, or when it does not come up
 */
export async function launch(
  instance: Instance,
  binary: string,
  password: string | undefined,
): Promise<Running> {
  const place = placeOf(instance);
  if (!(await canListen(instance.port))) {
    throw new ControlError(
      `${place} is taken by a program that redis:start has not started: end it, or choose another port with --port`,
    );
  }
  const home = await createHome(instance.name);
  const running = { ...instance, pid: await spawnServer(instance, binary, home, password) };
  await remember(running);
  const problem = await whyNotUp(running, home, password);
  if (problem === undefined) return running;
  await end(running);
  const log = await tail(home.log, 10);
  throw new ControlError(`redis-server on ${place} did not come up: ${problem}\n${log}`);
}

async function spawnServer(
  instance: Instance,
  binary: string,
  home: Home,
  password: string | undefined,
): Promise<number> {
  const log = await open(home.log, "a", 0o600);
  try {
    // Its settings come by its stdin: arguments are for everybody to see, and a file would keep the password.
    const child = spawn(binary, ["-"], { cwd: home.data, detached: true, stdio: ["pipe", log.fd, log.fd] });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(settings(instance, home, password));
    await once(child, "spawn");
    child.unref();
    return child.pid ?? 0;
  } finally {
    await log.close();
  }
}

/** As in docker-compose.yml: what is granted is on the disk before it is answered, and nothing is evicted. */
function settings({ port }: Instance, { data }: Home, password: string | undefined): string {
  const lines = [`port ${port}`, "bind 127.0.0.1", `dir ${quoted(data)}`, "daemonize no", 'logfile ""'];
  lines.push("appendonly yes", "appendfsync always", 'save ""', "maxmemory-policy noeviction");
  if (password !== undefined) lines.push(`requirepass ${quoted(password)}`);
  return `${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  const bytes = [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`);
  return `"${bytes.join("")}"`;
}

async function whyNotUp(
  running: Running,
  home: Home,
  password: string | undefined,
): Promise<string | undefined> {
  const deadline = performance.now() + READY_WITHIN_MS;
  let problem: string | undefined;
  while (performance.now() < deadline) {
    problem = await whyNotReady({ port: running.port, password, directory: home.data });
    if (problem === undefined) return undefined;
    if (!(await isOurs(running))) return "it ended";
    await sleep(20);
  }
  return problem;
}

/** Ends a server as it should end; one that does not within 10 s is killed. */
export async function end(running: Running): Promise<void> {
  await signal(running, "SIGTERM");
  // One that is stopped takes no SIGTERM before it is resumed.
  await signal(running, "SIGCONT");
  const deadline = performance.now() + STOP_WITHIN_MS;
  while (await isOurs(running)) {
    if (performance.now() > deadline) await signal(running, "SIGKILL");
    await sleep(20);
  }
  await forget(running.name);
}

async function signal(running: Running, name: NodeJS.Signals): Promise<void> {
  if (!(await isOurs(running))) return;
  try {
    process.kill(running.pid, name);
  } catch {
    // It has ended in between.
  }
}
