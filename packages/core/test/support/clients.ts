import { Redis as Redis6 } from "ioredis";
import { Redis as Redis5 } from "ioredis5";
import { createClient as createClient6 } from "redis";
import { createClient as createClient5 } from "redis5";
import type { QuorumNode } from "../../src/backend.ts";
import type { RedisDriver } from "../../src/backends/redis/driver.ts";
import { ioredisDriver } from "../../src/backends/redis/drivers/ioredis.ts";
import {
  type NodeRedisClient,
  type NodeRedisSubscriber,
  nodeRedisDriver,
} from "../../src/backends/redis/drivers/node-redis.ts";
import { RedisBackend, type RedisBackendOptions } from "../../src/backends/redis/redis-backend.ts";

/** A connected client of one library and major version, seen through its driver. */
export interface TestClient {
  readonly driver: RedisDriver;
  backend(options?: RedisBackendOptions): QuorumNode;
  command(...words: string[]): Promise<unknown>;
  close(): void;
}

/** `protocol` means the same to every library; `client` is passed to the library as it is. */
export interface ConnectOptions {
  readonly protocol?: 2 | 3;
  readonly client?: Readonly<Record<string, unknown>>;
}

export interface Library {
  readonly name: string;
  connect(url: string, options?: ConnectOptions): Promise<TestClient>;
}

/** A user who does not listen to errors would have the test process end: tests cut connections on purpose. */
const ignore = (): void => undefined;

function testClient(driver: RedisDriver, client: Pick<TestClient, "command" | "close">): TestClient {
  return { driver, backend: (options) => new RedisBackend(driver, options), ...client };
}

function wrapIoredis(client: Redis5 | Redis6): TestClient {
  client.on("error", ignore);
  return testClient(ioredisDriver(client), {
    command: (name = "PING", ...rest) => client.call(name, ...rest),
    close: () => client.disconnect(),
  });
}

async function wrapNodeRedis(client: NodeRedisClient & NodeRedisSubscriber & Commands): Promise<TestClient> {
  client.on("error", ignore);
  await client.connect();
  return testClient(nodeRedisDriver(client), {
    command: (...words) => client.sendCommand(words),
    close: () => client.destroy(),
  });
}

interface Commands {
  sendCommand(words: string[]): Promise<unknown>;
}

export const ioredis5: Library = {
  name: "ioredis 5",
  connect: async (url, { client } = {}) => wrapIoredis(new Redis5(url, { ...client })),
};

export const ioredis6: Library = {
  name: "ioredis 6",
  connect: async (url, { protocol = 3, client } = {}) =>
    wrapIoredis(new Redis6(url, { protocol, ...client })),
};

export const nodeRedis5: Library = {
  name: "node-redis 5",
  connect: (url, { protocol = 2, client } = {}) =>
    wrapNodeRedis(createClient5({ url, RESP: protocol, ...client })),
};

export const nodeRedis6: Library = {
  name: "node-redis 6",
  connect: (url, { protocol = 3, client } = {}) =>
    wrapNodeRedis(createClient6({ url, RESP: protocol, ...client })),
};

export const libraries: readonly Library[] = [ioredis5, ioredis6, nodeRedis5, nodeRedis6];
