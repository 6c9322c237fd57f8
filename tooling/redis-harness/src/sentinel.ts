import { askForLines, askServer } from "./ask.ts";
import { FAST_REPLICATION, loseMaster, untilReplicated } from "./replication.ts";
import { type RedisServer, startRedis, startServer } from "./single.ts";
import { stopAll, together } from "./together.ts";
import { until } from "./until.ts";

export interface SentinelOptions {
  /**
   * After how long a silent server counts as down, in milliseconds. Default 1500: Sentinels connect to a new master only
   * after a second, so with less they would all take it for down.
   */
  readonly downAfter?: number;
  /** More redis-server arguments for the master and its replicas. */
  readonly args?: readonly string[];
}

/** One master, two replicas, and three Sentinels that watch them. */
export interface RedisSentinel extends AsyncDisposable {
  /** Under which the Sentinels know the master. */
  readonly name: string;
  readonly downAfter: number;
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** Master and replicas, in no order. */
  readonly servers: readonly RedisServer[];
  /** The master that most Sentinels name. */
  master(): Promise<RedisServer>;
  /** SIGKILL to the master. Resolves with it, at once: the failover is yet to come. */
  killMaster(): Promise<RedisServer>;
  /** Runs short work whose writes reach no replica, then kills the master: they are lost. */
  loseMaster<T>(work: () => Promise<T>): Promise<T>;
  /** Has the Sentinels make a replica the master, with nothing lost: the old master becomes a replica. */
  failover(): Promise<void>;
  /** Starts the dead as replicas of the new master, and resolves when a next failover would find all in order. */
  heal(): Promise<void>;
  /** SIGKILL to all servers and Sentinels, which then start again. Resolves when all is in order. */
  restart(): Promise<void>;
  /** Ends all servers. May be called more than once. */
  stop(): Promise<void>;
}

const NAME = "main";
const QUORUM = 2;

/** Starts a master with two replicas, and three Sentinels; resolves when they all know one another. */
export async function startSentinel(options: SentinelOptions = {}): Promise<RedisSentinel> {
  const { downAfter = 1_500, args = [] } = options;
  const servers = await together(3, () => startRedis({ args: [...FAST_REPLICATION, ...args] }));
  try {
    const [master, ...replicas] = servers;
    if (master === undefined) throw new Error("there is no master");
    for (const { port } of replicas) await askServer(port, "REPLICAOF", master.host, String(master.port));
    // Sentinels ask who is there when they start, and then only every ten seconds.
    await untilReplicated(master, replicas);
    const sentinels = await together(3, () => startOne(master, downAfter));
    const all = new RunningSentinel(downAfter, servers, sentinels);
    await all.untilInOrder(master);
    return all;
  } catch (error) {
    await stopAll(servers);
    throw error;
  }
}

function startOne({ host, port }: RedisServer, downAfter: number): Promise<RedisServer> {
  const config = [
    `sentinel monitor ${NAME} ${host} ${port} ${QUORUM}`,
    `sentinel down-after-milliseconds ${NAME} ${downAfter}`,
    // Twice this time after a vote that nobody won comes the next; but a promotion that is not seen within it, at a
    // look a second, is given up.
    `sentinel failover-timeout ${NAME} 3000`,
    `sentinel parallel-syncs ${NAME} 2`,
  ];
  return startServer(
    { args: ["--sentinel"] },
    { config: `${config.join("\n")}\n`, proof: ["INFO", "server"] },
  );
}

class RunningSentinel implements RedisSentinel {
  readonly name = NAME;

  constructor(
    readonly downAfter: number,
    readonly servers: readonly RedisServer[],
    readonly sentinels: readonly RedisServer[],
  ) {}

  async master(): Promise<RedisServer> {
    const named = await Promise.all(this.sentinels.map(({ port }) => masterPort(port)));
    const found = this.servers.find(({ port }) => named.filter((each) => each === port).length >= QUORUM);
    if (found === undefined) throw new Error(`the Sentinels name different masters: ${named}`);
    return found;
  }

  async killMaster(): Promise<RedisServer> {
    const master = await this.master();
    await master.kill();
    return master;
  }

  async loseMaster<T>(work: () => Promise<T>): Promise<T> {
    const master = await this.master();
    return loseMaster(master, this.#othersThan(master), work);
  }

  async failover(): Promise<void> {
    const old = await this.master();
    await askServer(this.sentinels[0]?.port ?? 0, "SENTINEL", "FAILOVER", NAME);
    await until("another master", async () => (await this.master()) !== old);
  }

  async heal(): Promise<void> {
    await until("a master that answers", async () => (await masterRole(await this.master())) === "master");
    const master = await this.master();
    const others = this.#othersThan(master);
    await Promise.all(
      others.map(async (other) => {
        // As a replica from its first moment: Sentinels that see it as a master look again only after ten seconds.
        const address = [master.host, String(master.port)] as const;
        if (!other.isRunning) await other.restart({ args: ["--replicaof", ...address] });
        await askServer(other.port, "REPLICAOF", ...address);
      }),
    );
    await untilReplicated(master, others);
    await this.untilInOrder(master);
  }

  async restart(): Promise<void> {
    const master = await this.master();
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.kill()));
    await master.restart();
    const args = ["--replicaof", master.host, String(master.port)];
    await Promise.all(this.#othersThan(master).map((other) => other.restart({ args })));
    await untilReplicated(master, this.#othersThan(master));
    await Promise.all(this.sentinels.map((sentinel) => sentinel.restart()));
    await this.untilInOrder(master);
  }

  async untilInOrder(master: RedisServer): Promise<void> {
    await until("all Sentinels know all servers", async () => {
      const states = await Promise.all(this.sentinels.map(({ port }) => this.#isInOrder(port, master)));
      return !states.includes(false);
    });
  }

  stop(): Promise<void> {
    return stopAll([...this.sentinels, ...this.servers]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #othersThan(master: RedisServer): RedisServer[] {
    return this.servers.filter((server) => server !== master);
  }

  async #isInOrder(sentinel: number, master: RedisServer): Promise<boolean> {
    const [about, replicas] = await Promise.all([
      askForLines(sentinel, "SENTINEL", "MASTER", NAME),
      askForLines(sentinel, "SENTINEL", "REPLICAS", NAME),
    ]);
    const flags = [about, replicas].flatMap((lines) => valuesOf(lines, "flags"));
    return (
      valuesOf(about, "port")[0] === String(master.port) &&
      valuesOf(about, "num-other-sentinels")[0] === String(this.sentinels.length - 1) &&
      valuesOf(replicas, "role-reported").filter((role) => role === "slave").length ===
        this.servers.length - 1 &&
      flags.every((flag) => flag === "master" || flag === "slave")
    );
  }
}

function valuesOf(lines: readonly string[], field: string): string[] {
  return lines.flatMap((line, index) => (line === field ? [lines[index + 1] ?? ""] : []));
}

async function masterPort(sentinel: number): Promise<number> {
  return Number((await askForLines(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME))[1]);
}

async function masterRole(server: RedisServer): Promise<string | undefined> {
  return (await askForLines(server.port, "ROLE"))[0];
}
