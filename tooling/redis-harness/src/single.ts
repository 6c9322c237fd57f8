import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findRedisServer } from "./find-server.ts";
import { findFreePort, findPortWithBus } from "./free-port.ts";
import { createHome, dataOf, type Home, removeHome, wipeData } from "./home.ts";
import { type Launch, launchRedis, PortTakenError, type RedisProcess } from "./redis-process.ts";
import { type ShiftedClock, shiftedClock } from "./shifted-clock.ts";

export interface RedisOptions {
  /** A free one when left out. */
  readonly port?: number;
  readonly password?: string;
  /** More redis-server arguments, such as `["--maxmemory", "10mb"]`: any directive of redis.conf. */
  readonly args?: readonly string[];
  /** Whether acknowledged writes survive `kill` and `restart` (append-only file, fsync always). Default false. */
  readonly persist?: boolean;
  /**
   * Milliseconds that its wall clock is ahead of this machine's; negative: behind. Given, also as 0, `setClockOffset`
   * may step the clock while it runs. Linux only; needs a C compiler.
   */
  readonly clockOffset?: number;
}

export interface RestartOptions {
  /** Come back without any data, as a replaced machine would. Default false. */
  readonly empty?: boolean;
  /** More redis-server arguments, for this run only. */
  readonly args?: readonly string[];
}

export interface RedisServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly password: string | undefined;
  /** The pid of the current run, or of the last one after `kill`. */
  readonly pid: number;
  /** Whether the process is there, paused or not. */
  readonly isRunning: boolean;
  /** Ends the server for good and removes its temp directory. May be called more than once. */
  stop(): Promise<void>;
  /** SIGKILL, as in a crash: port and data directory stay for `restart`. */
  kill(): Promise<void>;
  /** Ends the server if it runs and starts it again on the same port. */
  restart(options?: RestartOptions): Promise<void>;
  /** Freezes the process (SIGSTOP): its sockets stay open, and nothing is answered. */
  pause(): void;
  /** Ends `pause`. */
  resume(): void;
  /** Steps its wall clock to so many milliseconds ahead of this machine's, at once. Only if started with `clockOffset`. */
  setClockOffset(ms: number): void;
}

const PORT_ATTEMPTS = 10;

/** What makes a server another than a plain one. */
export interface Role {
  /** It is a node of a cluster: it listens on a second port, too. */
  readonly hasBus?: boolean;
  /** Its redis.conf, which it may rewrite, and what a plain server does not understand. */
  readonly config?: string;
  /** A command whose answer names the data directory. Default CONFIG GET dir. */
  readonly proof?: readonly string[];
}

/** Starts a redis-server of its own on 127.0.0.1 and resolves once it answers. */
export function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  return startServer(options, {});
}

export async function startServer(options: RedisOptions, role: Role): Promise<RedisServer> {
  const binary = await findRedisServer();
  const home = await createHome();
  try {
    const { clockOffset } = options;
    const clock = clockOffset === undefined ? undefined : await shiftedClock(home, clockOffset);
    for (let attempt = 1; ; attempt++) {
      const port = options.port ?? (await (role.hasBus ? findPortWithBus() : findFreePort()));
      try {
        const launch = await describeLaunch(binary, home, port, options, role);
        const shifted = { ...launch, env: clock?.env };
        return new SingleServer(shifted, await launchRedis(shifted), clock);
      } catch (error) {
        const mayRetry = options.port === undefined && attempt < PORT_ATTEMPTS;
        if (!(mayRetry && error instanceof PortTakenError)) throw error;
      }
    }
  } catch (error) {
    await removeHome(home);
    throw error;
  }
}

async function describeLaunch(
  binary: string,
  home: Home,
  port: number,
  options: RedisOptions,
  role: Role,
): Promise<Launch> {
  const password = options.password || undefined;
  const args: string[] = [];
  if (role.config === undefined) {
    args.push("--save", "", "--appendonly", options.persist ? "yes" : "no", "--appendfsync", "always");
  } else {
    args.push(join(dataOf(home), "redis.conf"));
    await writeFile(join(dataOf(home), "redis.conf"), role.config);
  }
  if (password !== undefined) args.push("--requirepass", password);
  args.push(...(options.args ?? []));
  // The last setting of a directive wins, and the harness relies on these.
  args.push("--bind", "127.0.0.1", "--port", String(port), "--dir", dataOf(home));
  args.push("--daemonize", "no", "--logfile", "");
  return { binary, home, port, password, args, proof: role.proof };
}

class SingleServer implements RedisServer {
  readonly host = "127.0.0.1";
  readonly #launch: Launch;
  readonly #clock: ShiftedClock | undefined;
  #process: RedisProcess;
  #restarting: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(launch: Launch, process: RedisProcess, clock: ShiftedClock | undefined) {
    this.#launch = launch;
    this.#clock = clock;
    this.#process = process;
  }

  get port(): number {
    return this.#launch.port;
  }

  get password(): string | undefined {
    return this.#launch.password;
  }

  get url(): string {
    const credentials = this.password === undefined ? "" : `:${encodeURIComponent(this.password)}@`;
    return `redis://${credentials}${this.host}:${this.port}`;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get isRunning(): boolean {
    return this.#process.isRunning;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }

  restart(options: RestartOptions = {}): Promise<void> {
    if (this.#stopping !== undefined) {
      return Promise.reject(new Error("the server was stopped for good: start a new one"));
    }
    this.#restarting = this.#restart(options);
    return this.#restarting;
  }

  pause(): void {
    this.#process.signal("SIGSTOP");
  }

  resume(): void {
    this.#process.signal("SIGCONT");
  }

  setClockOffset(ms: number): void {
    if (this.#clock === undefined) {
      throw new Error("start it with clockOffset (0 will do) to step its clock");
    }
    this.#clock.set(ms);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #restart({ empty = false, args = [] }: RestartOptions): Promise<void> {
    await this.#process.stop();
    if (empty) await wipeData(this.#launch.home);
    this.#process = await launchRedis({ ...this.#launch, args: [...this.#launch.args, ...args] });
  }

  async #stop(): Promise<void> {
    // A process that is just being started must not outlive the stop.
    await this.#restarting.catch(() => undefined);
    await this.#process.stop();
    await removeHome(this.#launch.home);
  }
}
