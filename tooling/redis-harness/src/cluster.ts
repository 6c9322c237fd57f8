import { askForLines, askServer } from "./ask.ts";
import { FAST_REPLICATION, loseMaster, replicasOf } from "./replication.ts";
import { type RedisServer, startServer } from "./single.ts";
import { moveSlot } from "./slot-migration.ts";
import { stopAll, together } from "./together.ts";
import { until } from "./until.ts";

export interface ClusterOptions {
  /** `cluster-node-timeout`: after how long a silent node counts as failed, in milliseconds. Default 5000. */
  readonly nodeTimeout?: number;
  /** More redis-server arguments for every node. */
  readonly args?: readonly string[];
}

/** Three masters with a third of the slots each, and a replica for each of them. */
export interface RedisCluster extends AsyncDisposable {
  readonly nodeTimeout: number;
  /** Masters and replicas, in no order. */
  readonly servers: readonly RedisServer[];
  readonly urls: readonly string[];
  /** The hash slot of a Redis key. */
  slotOf(key: string): Promise<number>;
  /** The master that serves a slot now. */
  masterOf(slot: number): Promise<RedisServer>;
  masters(): Promise<RedisServer[]>;
  /** Runs short work whose writes reach no replica, then kills the master of the slot: they are lost. */
  loseMaster<T>(slot: number, work: () => Promise<T>): Promise<T>;
  /** Moves a slot with all its keys to another master, while clients use it, as `redis-cli --cluster reshard` does. */
  moveSlot(slot: number, to: RedisServer): Promise<void>;
  /** Starts the dead, and resolves when the cluster is whole and all replicas are fed. */
  heal(): Promise<void>;
  /** Ends all nodes. May be called more than once. */
  stop(): Promise<void>;
}

const SLOTS = 16_384;
const MASTERS = 3;

/** Starts three masters and three replicas as one cluster; resolves when it serves all slots and all are fed. */
export async function startCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { nodeTimeout = 5_000, args = [] } = options;
  const clusterArgs = ["--cluster-enabled", "yes", "--cluster-node-timeout", String(nodeTimeout)];
  const start = () => startServer({ args: [...clusterArgs, ...FAST_REPLICATION, ...args] }, { hasBus: true });
  const servers = await together(2 * MASTERS, start);
  try {
    await join(servers);
    const cluster = new RunningCluster(nodeTimeout, servers);
    await cluster.untilWhole();
    return cluster;
  } catch (error) {
    await stopAll(servers);
    throw error;
  }
}

async function join(servers: readonly RedisServer[]): Promise<void> {
  const masters = servers.slice(0, MASTERS);
  await Promise.all(
    masters.map(({ port }, index) => {
      const from = Math.ceil((index * SLOTS) / MASTERS);
      const to = Math.ceil(((index + 1) * SLOTS) / MASTERS) - 1;
      return askServer(port, "CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
    }),
  );
  // Everybody meets everybody: rumours would take seconds.
  for (const one of servers) {
    for (const other of servers) {
      if (one !== other) await askServer(one.port, "CLUSTER", "MEET", other.host, String(other.port));
    }
  }
  await Promise.all(
    servers.slice(MASTERS).map(async ({ port }, index) => {
      const [id = ""] = await askForLines(masters[index]?.port ?? 0, "CLUSTER", "MYID");
      // Refused until it knows its master.
      await until("a replica has its master", async () => {
        await askServer(port, "CLUSTER", "REPLICATE", id);
        return true;
      });
    }),
  );
}

class RunningCluster implements RedisCluster {
  constructor(
    readonly nodeTimeout: number,
    readonly servers: readonly RedisServer[],
  ) {}

  get urls(): readonly string[] {
    return this.servers.map(({ url }) => url);
  }

  async slotOf(key: string): Promise<number> {
    const answer = await askServer(this.#running()[0]?.port ?? 0, "CLUSTER", "KEYSLOT", key);
    return Number(answer.slice(1));
  }

  async masterOf(slot: number): Promise<RedisServer> {
    for (const { server, slots } of await this.#views()) {
      if (slots.some(([from, to]) => from <= slot && slot <= to)) return server;
    }
    throw new Error(`no node says that it serves slot ${slot}`);
  }

  async masters(): Promise<RedisServer[]> {
    return (await this.#views()).filter(({ slots }) => slots.length > 0).map(({ server }) => server);
  }

  async loseMaster<T>(slot: number, work: () => Promise<T>): Promise<T> {
    const master = await this.masterOf(slot);
    const fed = new Set(await replicasOf(master));
    return loseMaster(
      master,
      this.servers.filter(({ port }) => fed.has(port)),
      work,
    );
  }

  async moveSlot(slot: number, to: RedisServer): Promise<void> {
    await moveSlot(slot, await this.masterOf(slot), to, await this.masters());
  }

  async heal(): Promise<void> {
    await Promise.all(this.servers.filter(({ isRunning }) => !isRunning).map((server) => server.restart()));
    await this.untilWhole();
  }

  async untilWhole(): Promise<void> {
    await until("the cluster is whole", async () => {
      const states = this.servers.map(async ({ port }) => {
        const [info, nodes] = await Promise.all([
          askForLines(port, "CLUSTER", "INFO"),
          askForLines(port, "CLUSTER", "NODES"),
        ]);
        const isKnown =
          nodes.length === this.servers.length && !nodes.some((line) => /fail|handshake/.test(line));
        return info.includes("cluster_state:ok") && isKnown;
      });
      return !(await Promise.all(states)).includes(false) && (await this.masters()).length === MASTERS;
    });
    const masters = await this.masters();
    const replicas = this.servers.filter((server) => !masters.includes(server));
    await until("each replica is fed", async () => {
      const fed = (await Promise.all(masters.map(replicasOf))).flat();
      return replicas.every(({ port }) => fed.includes(port));
    });
  }

  stop(): Promise<void> {
    return stopAll(this.servers);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #running(): RedisServer[] {
    return this.servers.filter(({ isRunning }) => isRunning);
  }

  /** What each node that answers says of itself: the slots that it serves as a master. */
  async #views(): Promise<{ readonly server: RedisServer; readonly slots: readonly [number, number][] }[]> {
    return Promise.all(
      this.#running().map(async (server) => {
        const nodes = await askForLines(server.port, "CLUSTER", "NODES").catch(() => []);
        const myself = nodes.find((line) => line.includes("myself,master")) ?? "";
        const [, served = ""] = myself.split(" connected");
        const ranges = [...served.matchAll(/ (\d+)(?:-(\d+))?(?=\s|$)/g)];
        return {
          server,
          slots: ranges.map(([, from, to]): [number, number] => [Number(from), Number(to ?? from)]),
        };
      }),
    );
  }
}
