import { Redis as Redis6 } from "ioredis";
import { Redis as Redis5 } from "ioredis5";
import { createClient as createClient6 } from "redis";
import { createClient as createClient5 } from "redis5";
import type { LockBackend } from "../../src/backend.ts";
import type { RedisDriver } from "../../src/backends/redis/driver.ts";
import { ioredisDriver } from "../../src/backends/redis/drivers/ioredis.ts";
import { nodeRedisDriver } from "../../src/backends/redis/drivers/node-redis.ts";
import { RedisBackend, type RedisBackendOptions } from "../../src/backends/redis/redis-backend.ts";

/** A connected client of one library and major version, seen through its driver. */
export interface TestClient {
  readonly driver: RedisDriver;
  backend(options?: RedisBackendOptions): LockBackend;
  command(...words: string[]): Promise<unknown>;
  close(): void;
}

/** Options that mean the same to every library. */
export interface ConnectOptions {
  readonly protocol?: 2 | 3;
}

export interface Library {
  readonly name: string;
  connect(url: string, options?: ConnectOptions): Promise<TestClient>;
}

function testClient(driver: RedisDriver, client: Pick<TestClient, "command" | "close">): TestClient {
  return { driver, backend: (options) => new RedisBackend(driver, options), ...client };
}

/** A user who does not listen to errors would have the test process end: tests cut connections on purpose. */
const ignore = (): void => undefined;

export const libraries: readonly Library[] = [
  {
    name: "ioredis 5",
    connect: async (url) => {
      const client = new Redis5(url);
      client.on("error", ignore);
      return testClient(ioredisDriver(client), {
        command: (name = "PING", ...rest) => client.call(name, ...rest),
        close: () => client.disconnect(),
      });
    },
  },
  {
    name: "ioredis 6",
    connect: async (url, { protocol = 3 } = {}) => {
      const client = new Redis6(url, { protocol });
      client.on("error", ignore);
      return testClient(ioredisDriver(client), {
        command: (name = "PING", ...rest) => client.call(name, ...rest),
        close: () => client.disconnect(),
      });
    },
  },
  {
    name: "node-redis 5",
    connect: async (url, { protocol = 2 } = {}) => {
      const client = createClient5({ url, RESP: protocol });
      client.on("error", ignore);
      await client.connect();
      return testClient(nodeRedisDriver(client), {
        command: (...words) => client.sendCommand(words),
        close: () => client.destroy(),
      });
    },
  },
  {
    name: "node-redis 6",
    connect: async (url, { protocol = 3 } = {}) => {
      const client = createClient6({ url, RESP: protocol });
      client.on("error", ignore);
      await client.connect();
      return testClient(nodeRedisDriver(client), {
        command: (...words) => client.sendCommand(words),
        close: () => client.destroy(),
      });
    },
  },
];
