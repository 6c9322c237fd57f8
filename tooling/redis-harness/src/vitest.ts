import { afterAll, beforeAll } from "vitest";
import { type RedisOptions, type RedisServer, startRedis } from "./single.ts";

/** One Redis for all tests of a file. */
export function useRedis(options: RedisOptions = {}): { readonly url: string; readonly server: RedisServer } {
  let server: RedisServer | undefined;
  beforeAll(async () => {
    server = await startRedis(options);
  });
  afterAll(async () => {
    await server?.stop();
  });
  return {
    get server() {
      if (server === undefined) throw new Error("the server runs only within tests");
      return server;
    },
    get url() {
      return this.server.url;
    },
  };
}
