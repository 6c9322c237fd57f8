import {
  askForLines,
  askServer,
  type FaultyProxy,
  type RedisNodesOptions,
  type RedisServer,
  startFaultyProxy,
  startRedis,
  together,
} from "@lock/redis-harness";
import { Room } from "@lock/redis-harness/vitest";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { createLocks, type LocksWithoutPermits } from "../../src/index.ts";
import type { QuorumBackend, QuorumBackendOptions } from "../../src/quorum.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { openQuorum } from "./quorum.ts";

/** Nodes of tests that run beside each other. */
const room = new Room(10, 30_000);

/** What one process has of a quorum. */
export interface Member {
  readonly locks: LocksWithoutPermits;
  readonly backend: QuorumBackend;
}

export interface OpenOptions extends QuorumBackendOptions {
  /** Which nodes are reached through their proxies. Default: none. */
  readonly proxied?: readonly number[];
  /** Of the nodes' backends. */
  readonly requestTimeout?: number;
  /** The same on all nodes, as the path of a URL. Default: none, which is 0. */
  readonly database?: string;
}

export interface SitesOptions extends Omit<RedisNodesOptions, "clockOffset"> {
  /** The one whose clock can be stepped: each that can takes longer to start. */
  readonly clockOffsetOf?: number;
}

/** One of the servers of a quorum, and a proxy in front of it. */
export interface Site {
  readonly server: RedisServer;
  readonly proxy: FaultyProxy;
}

export interface Sites {
  readonly all: readonly Site[];
  /** Whether the servers keep all that they have acknowledged. */
  readonly isDurable: boolean;
  at(index: number): Site;
  /** One process more, with clients of all libraries. */
  open(options?: OpenOptions): Promise<Member>;
}

/** Servers for one test, or several, and what those open; disposed of, all of it is closed and stopped. */
export interface OpenSites extends Sites, AsyncDisposable {
  /** Mends what was broken, and closes what was opened. */
  tidy(): Promise<void>;
}

/** So many servers for all tests of a file; what a test breaks or opens is mended and closed after it. */
export function useSites(count: number, options: SitesOptions = {}): Sites {
  let sites: OpenSites | undefined;
  beforeAll(async () => {
    sites = await openSites(count, options);
  });
  afterEach(() => sites?.tidy());
  afterAll(() => sites?.[Symbol.asyncDispose]());
  const now = (): OpenSites => {
    if (sites === undefined) throw new Error("the nodes run only within tests");
    return sites;
  };
  return {
    get all() {
      return now().all;
    },
    isDurable: options.persist === true,
    at: (index) => now().at(index),
    open: (opened) => now().open(opened),
  };
}

/** Servers of its own for a test that runs beside others. */
export async function openSites(count: number, options: SitesOptions = {}): Promise<OpenSites> {
  const { clockOffsetOf, ...others } = options;
  return withRoom(count, async () => {
    const servers = await together(count, (index) =>
      startRedis({ ...others, ...(clockOffsetOf === index ? { clockOffset: 0 } : {}) }),
    );
    return new RunningSites(await behindProxies(servers), options.persist === true, servers);
  });
}

/** The same servers, behind proxies of its own: for a test that runs beside others and breaks nothing but its ways to them. */
export async function openBeside(sites: Sites): Promise<OpenSites> {
  const servers = sites.all.map(({ server }) => server);
  return withRoom(
    servers.length,
    async () => new RunningSites(await behindProxies(servers), sites.isDurable, []),
  );
}

/** What was opened gives it back when it is disposed of. */
async function withRoom(size: number, open: () => Promise<RunningSites>): Promise<RunningSites> {
  await room.enter(size);
  try {
    return await open();
  } catch (error) {
    room.leave(size);
    throw error;
  }
}

function behindProxies(servers: readonly RedisServer[]): Promise<Site[]> {
  return Promise.all(servers.map(async (server) => ({ server, proxy: await startFaultyProxy(server) })));
}

class RunningSites implements OpenSites {
  readonly #closing: (() => Promise<void>)[] = [];

  constructor(
    readonly all: readonly Site[],
    readonly isDurable: boolean,
    /** Those that end with it. */
    private readonly own: readonly RedisServer[],
  ) {}

  at(index: number): Site {
    const site = this.all[index];
    if (site === undefined) throw new Error(`there is no node ${index + 1}`);
    return site;
  }

  async open(options: OpenOptions = {}): Promise<Member> {
    // A busy machine is no node that is away.
    const { proxied = [], nodeTimeout = 2_000, requestTimeout = 2_000, database = "", ...rest } = options;
    const { durable = this.isDurable } = options;
    const way = ({ server, proxy }: Site, index: number) => (proxied.includes(index) ? proxy : server);
    const urls = this.all.map((site, index) => way(site, index).url + database);
    const terms = { ...rest, nodeTimeout, durable };
    const process = await openQuorum(urls, terms, undefined, { requestTimeout });
    const { backend } = process;
    const locks = createLocks({ backend });
    this.#closing.push(async () => {
      await locks.close();
      await process[Symbol.asyncDispose]();
    });
    return { locks, backend };
  }

  async tidy(): Promise<void> {
    await Promise.all(
      this.all.map(async ({ server, proxy }) => {
        proxy.heal();
        if (!server.isRunning) await server.restart();
        server.resume();
      }),
    );
    await Promise.all(this.#closing.splice(0).map((close) => close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.tidy();
      await Promise.all(this.all.map(({ proxy }) => proxy.stop()));
      await Promise.all(this.own.map((server) => server.stop()));
    } finally {
      room.leave(this.all.length);
    }
  }
}

/** Makes all nodes members before one opens the quorum: what is away later has been one. */
export async function found(sites: Sites, options: OpenOptions = {}): Promise<Member> {
  const areMembers = async () => {
    const isMember = ({ server }: Site) => askServer(server.port, "EXISTS", "lock:quorum");
    return (await Promise.all(sites.all.map(isMember))).every((answer) => answer === ":1\r\n") || undefined;
  };
  if (!(await areMembers())) {
    // One that takes its time: what does not answer a founder soon enough joins later, and votes later.
    const patient = { proxied: [], nodeTimeout: 10_000, requestTimeout: 10_000 };
    const founder = await sites.open({ ...options, ...patient });
    await eventually("all are members", () => founder.locks.using("founding", { ttl: 1_000 }, areMembers));
  }
  return sites.open(options);
}

/** On which nodes a key is held, by whomever. */
export function heldOn(sites: Sites, key: string): Promise<boolean[]> {
  const isHeld = ({ server }: Site) => askServer(server.port, "EXISTS", `lock:{${key}}`);
  return Promise.all(sites.all.map(async (site) => (await isHeld(site)) === ":1\r\n"));
}

/** For how long, ms, the servers keep a key, so that a majority of them still has it. */
export async function keptByMajority(sites: Sites, key: string): Promise<number> {
  const left = await Promise.all(
    sites.all.map(async ({ server }) =>
      Number((await askServer(server.port, "PTTL", `lock:{${key}}`)).slice(1)),
    ),
  );
  return left.sort((a, b) => b - a)[Math.floor(left.length / 2)] ?? -2;
}

/** After quiescence only memberships are left on all nodes; and counters and the liveness of processes, each with an end. */
export async function expectNothingLeftOn(sites: Sites, ms = 12_000): Promise<void> {
  for (const { server } of sites.all) {
    const keys = () => askForLines(server.port, "KEYS", "lock:*");
    await eventually(
      `nothing is left on node ${server.port}`,
      async () => {
        const locks = (await keys()).filter((key) => !/:(quorum|fence|liveness)$|^\*/.test(key));
        return locks.length === 0 ? true : undefined;
      },
      ms,
    ).catch(async (error: unknown) => {
      throw new Error(`${String(error)}: ${(await keys()).join(", ")}`);
    });
    for (const key of await keys()) {
      if (key !== "lock:quorum") expect(await askServer(server.port, "PTTL", key), key).not.toBe(":-1\r\n");
    }
  }
}
