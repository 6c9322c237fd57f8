import { randomBytes } from "node:crypto";
import { chown, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "@lock/redis-harness/host";
import { findAccount } from "./account.ts";
import { findPostgres } from "./find-postgres.ts";
import { createHome, type Home, removeHome } from "./home.ts";
import { endOfLog, type HomeProcess, startInHome } from "./home-process.ts";

export interface PostgresServer extends AsyncDisposable {
  /** Of the superuser. */
  readonly connectionString: string;
  readonly pid: number;
  /** Ends the server for good, and whoever is connected, and removes its temp directory. May be called more than once. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 30_000;
const PORT_ATTEMPTS = 10;

/** First whoever is connected may leave: clients close their connections behind the back of their caller. */
const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** At once, and yet it takes its shared memory along, which SIGKILL would not. */
const ABANDON_SIGNAL = "SIGQUIT";

// The disk is not waited for: a database that dies with its test has nothing to recover.
const SETTINGS = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
const REACHABLE = ["listen_addresses=127.0.0.1", "unix_socket_directories="];

/** Starts a PostgreSQL of its own on 127.0.0.1, with an empty database, and resolves once it accepts connections. */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = await findPostgres();
  const home = await createHome(await findAccount());
  try {
    const password = randomBytes(16).toString("hex");
    await initialise(bin, home, password);
    const { server, port } = await launch(bin, home);
    let stopping: Promise<void> | undefined;
    const stop = () => {
      stopping ??= server.stop(...STOP_SIGNALS).then(() => removeHome(home));
      return stopping;
    };
    return {
      connectionString: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
      pid: server.pid,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await removeHome(home);
    throw error;
  }
}

async function initialise(bin: string, home: Home, password: string): Promise<void> {
  const file = join(home.directory, "password");
  await writeFile(file, password, { mode: 0o600 });
  if (home.account !== undefined) await chown(file, home.account.uid, home.account.gid);
  const options = ["--no-sync", "--encoding=UTF8", "--locale=C", "--username=postgres"];
  options.push("--auth=scram-sha-256", `--pwfile=${file}`, `--pgdata=${home.data}`);
  const initdb = await startInHome(home, join(bin, "initdb"), options);
  if (!(await initdb.exited)) throw new Error(`initdb failed:\n${await endOfLog(home)}`);
  await rm(file);
}

async function launch(bin: string, home: Home): Promise<{ server: HomeProcess; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort();
    const settings = [...SETTINGS, ...REACHABLE].flatMap((setting) => ["-c", setting]);
    const args = ["-D", home.data, "-p", String(port), ...settings];
    const server = await startInHome(home, join(bin, "postgres"), args, { port, signal: ABANDON_SIGNAL });
    server.unref();
    const problem = await whyNotReady(server, home);
    if (problem === undefined) return { server, port };
    await server.stop(ABANDON_SIGNAL);
    const log = await endOfLog(home);
    // Somebody else took the port since it was found free.
    if (attempt < PORT_ATTEMPTS && log.includes("Address already in use")) continue;
    throw new Error(`postgres on 127.0.0.1:${port} did not become ready: ${problem}\n${log}`);
  }
}

async function whyNotReady(server: HomeProcess, home: Home): Promise<string | undefined> {
  const deadline = performance.now() + READY_WITHIN_MS;
  while (server.isRunning && performance.now() < deadline) {
    // Where it tells pg_ctl, too, in the eighth line, that it accepts connections.
    const status = await readFile(join(home.data, "postmaster.pid"), "utf8").catch(() => "");
    if (status.split("\n")[7]?.trim() === "ready") return undefined;
    await sleep(10);
  }
  return server.isRunning ? `not within ${READY_WITHIN_MS} ms` : "it exited";
}
