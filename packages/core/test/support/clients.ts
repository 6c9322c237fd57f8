import { Cluster as Cluster6, Redis as Redis6 } from "ioredis";
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis5";
import { Redis as Iovalkey, Cluster as IovalkeyCluster } from "iovalkey";
import {
  createClient as createClient6,
  createCluster as createCluster6,
  createSentinel as createSentinel6,
} from "redis";
import {
  createClient as createClient5,
  createCluster as createCluster5,
  createSentinel as createSentinel5,
} from "redis5";
import type { RedisDriver } from "../../src/backends/redis/driver.ts";
import { ioredisDriver } from "../../src/backends/redis/drivers/ioredis.ts";
import type { IoredisClient } from "../../src/backends/redis/drivers/ioredis-client.ts";
import { nodeRedisDriver } from "../../src/backends/redis/drivers/node-redis.ts";
import type { NodeRedisClient } from "../../src/backends/redis/drivers/node-redis-client.ts";
import {
  RedisBackend,
  type RedisBackendOptions,
  type RedisLockBackend,
} from "../../src/backends/redis/redis-backend.ts";

/** A connected client of one library and major version, seen through its driver. */
export interface TestClient {
  readonly driver: RedisDriver;
  backend(options?: RedisBackendOptions): RedisLockBackend;
  command(...words: string[]): Promise<unknown>;
  close(): void;
}

/** `protocol` means the same to every library; `client` is passed to the library as it is. */
export interface ConnectOptions {
  readonly protocol?: 2 | 3;
  readonly client?: Readonly<Record<string, unknown>>;
}

/** Where Sentinels are, and by what name they know the master. */
export interface SentinelAddress {
  readonly name: string;
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
}

export interface Library {
  readonly name: string;
  /** Whose manner and options it has. */
  readonly family: "ioredis" | "node-redis";
  /** Whether it is the newest version of its family. */
  readonly isNewest: boolean;
  connect(url: string, options?: ConnectOptions): Promise<TestClient>;
  /** `urls`: of nodes of a cluster. */
  connectCluster(urls: readonly string[], options?: ConnectOptions): Promise<TestClient>;
  connectSentinel(address: SentinelAddress, options?: ConnectOptions): Promise<TestClient>;
}

/** A user who does not listen to errors would have the test process end: tests cut connections on purpose. */
const ignore = (): void => undefined;

function testClient(driver: RedisDriver, client: Pick<TestClient, "close">): TestClient {
  return {
    driver,
    backend: (options) => new RedisBackend(driver, options),
    command: (name = "PING", ...rest) => driver.command([name, ...rest]),
    ...client,
  };
}

function wrapIoredis(client: IoredisClient & Events & { disconnect(): void }): TestClient {
  client.on("error", ignore);
  return testClient(ioredisDriver(client), { close: () => client.disconnect() });
}

async function wrapNodeRedis(client: NodeRedisClient & Events & Connection): Promise<TestClient> {
  client.on("error", ignore);
  await client.connect();
  return testClient(nodeRedisDriver(client), { close: () => client.destroy() });
}

interface Connection {
  connect(): Promise<unknown>;
  destroy(): unknown;
}

interface Events {
  on(event: "error", listener: () => void): unknown;
}

const nodesOf = (urls: readonly string[]) => urls.map((url) => ({ url }));
const copy = ({ name, sentinels }: SentinelAddress) => ({
  name,
  sentinels: sentinels.map(({ host, port }) => ({ host, port })),
});

export const ioredis5: Library = {
  name: "ioredis 5",
  family: "ioredis",
  isNewest: false,
  connect: async (url, { client } = {}) => wrapIoredis(new Redis5(url, { ...client })),
  connectCluster: async (urls, { client } = {}) => wrapIoredis(new Cluster5([...urls], { ...client })),
  connectSentinel: async (address, { client } = {}) =>
    wrapIoredis(new Redis5({ ...copy(address), ...client })),
};

export const ioredis6: Library = {
  name: "ioredis 6",
  family: "ioredis",
  isNewest: true,
  connect: async (url, { protocol = 3, client } = {}) =>
    wrapIoredis(new Redis6(url, { protocol, ...client })),
  connectCluster: async (urls, { client } = {}) => wrapIoredis(new Cluster6([...urls], { ...client })),
  connectSentinel: async (address, { client } = {}) =>
    wrapIoredis(new Redis6({ ...copy(address), ...client })),
};

/** A fork of ioredis 5, which knows RESP2 only. */
export const iovalkey: Library = {
  name: "iovalkey",
  family: "ioredis",
  isNewest: false,
  connect: async (url, { client } = {}) => wrapIoredis(new Iovalkey(url, { ...client })),
  connectCluster: async (urls, { client } = {}) => wrapIoredis(new IovalkeyCluster([...urls], { ...client })),
  connectSentinel: async (address, { client } = {}) =>
    wrapIoredis(new Iovalkey({ ...copy(address), ...client })),
};

export const nodeRedis5: Library = {
  name: "node-redis 5",
  family: "node-redis",
  isNewest: false,
  connect: (url, { protocol = 2, client } = {}) =>
    wrapNodeRedis(createClient5({ url, RESP: protocol, ...client })),
  connectCluster: (urls, { client } = {}) =>
    wrapNodeRedis(createCluster5({ rootNodes: nodesOf(urls), ...client })),
  connectSentinel: ({ name, sentinels }, { client } = {}) =>
    wrapNodeRedis(createSentinel5({ name, sentinelRootNodes: [...sentinels], ...client })),
};

export const nodeRedis6: Library = {
  name: "node-redis 6",
  family: "node-redis",
  isNewest: true,
  connect: (url, { protocol = 3, client } = {}) =>
    wrapNodeRedis(createClient6({ url, RESP: protocol, ...client })),
  connectCluster: (urls, { client } = {}) =>
    wrapNodeRedis(createCluster6({ rootNodes: nodesOf(urls), ...client })),
  connectSentinel: ({ name, sentinels }, { client } = {}) =>
    wrapNodeRedis(createSentinel6({ name, sentinelRootNodes: [...sentinels], ...client })),
};

export const libraries: readonly Library[] = [ioredis5, ioredis6, iovalkey, nodeRedis5, nodeRedis6];
