import { describe, it } from "vitest";
import { createLocks } from "../../src/index.ts";
import { backendSuite, driverSuite, locksSuite } from "../../src/testing.ts";
import type { ConnectOptions, Library } from "./clients.ts";
import { useRedis } from "./server.ts";

const api = { describe, it };

/** All suites for one client library. */
export function runRedisSuites({ name, connect }: Library, options: ConnectOptions = {}): void {
  const redis = useRedis();
  const title = options.protocol === undefined ? name : `${name}, RESP${options.protocol}`;

  const openTwo = async () => {
    const clients = await Promise.all([connect(redis.url, options), connect(redis.url, options)]);
    const [one, two] = clients.map((client) => client.backend());
    if (one === undefined || two === undefined) throw new Error("two clients were asked for");
    const close = async () => {
      await Promise.all([one.close(), two.close()]);
      for (const client of clients) client.close();
    };
    return { one, two, close };
  };

  driverSuite({
    api,
    name: title,
    open: async () => {
      const client = await connect(redis.url, options);
      return {
        driver: client.driver,
        killSubscribers: async () => void (await client.command("CLIENT", "KILL", "TYPE", "pubsub")),
        close: async () => client.close(),
      };
    },
  });
  backendSuite({ api, name: title, open: openTwo });
  locksSuite({
    api,
    name: title,
    open: async () => {
      const { one, two, close } = await openTwo();
      return { one: createLocks({ backend: one }), two: createLocks({ backend: two }), close };
    },
  });
}
