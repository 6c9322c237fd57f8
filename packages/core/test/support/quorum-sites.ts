import {
  askForLines,
  askServer,
  type FaultyProxy,
  type RedisNodes,
  type RedisNodesOptions,
  type RedisServer,
  startFaultyProxy,
  startRedisNodes,
} from "@lock/redis-harness";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { createLocks, type LocksWithoutPermits } from "../../src/index.ts";
import type { QuorumBackend, QuorumBackendOptions } from "../../src/quorum.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { openQuorum } from "./quorum.ts";

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
}

/** One of the servers of a quorum, and a proxy in front of it. */
export interface Site {
  readonly server: RedisServer;
  readonly proxy: FaultyProxy;
}

export interface Sites {
  readonly all: readonly Site[];
  at(index: number): Site;
  /** One process more, with clients of all libraries. */
  open(options?: OpenOptions): Promise<Member>;
}

/** So many servers for all tests of a file; what a test breaks or opens is mended and closed after it. */
export function useSites(count: number, options: RedisNodesOptions = {}): Sites {
  let started: RedisNodes | undefined;
  let sites: Site[] = [];
  const closing: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    started = await startRedisNodes(count, options);
    sites = await Promise.all(
      started.nodes.map(async (server) => ({ server, proxy: await startFaultyProxy(server) })),
    );
  });
  afterEach(async () => {
    for (const { server, proxy } of sites) {
      proxy.heal();
      if (!server.isRunning) await server.restart();
      server.resume();
    }
    await Promise.all(closing.splice(0).map((close) => close()));
  });
  afterAll(async () => {
    await Promise.all(sites.map(({ proxy }) => proxy.stop()));
    await started?.stop();
  });
  return {
    get all() {
      return sites;
    },
    at: (index) => siteAt(sites, index),
    // A busy machine is no node that is away.
    open: async ({
      proxied = [],
      nodeTimeout = 2_000,
      requestTimeout = 2_000,
      durable = options.persist === true,
      ...rest
    } = {}) => {
      const urls = sites.map(({ server, proxy }, index) => (proxied.includes(index) ? proxy : server).url);
      const process = await openQuorum(urls, { ...rest, nodeTimeout, durable }, undefined, {
        requestTimeout,
      });
      const { backend } = process;
      const locks = createLocks({ backend });
      closing.push(async () => {
        await locks.close();
        await process[Symbol.asyncDispose]();
      });
      return { locks, backend };
    },
  };
}

function siteAt(sites: readonly Site[], index: number): Site {
  const site = sites[index];
  if (site === undefined) throw new Error(`there is no node ${index + 1}, or no test runs`);
  return site;
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
