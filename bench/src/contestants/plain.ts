import { createHash, randomBytes } from "node:crypto";
import { openIoredis5, openIoredis6, openNodeRedis5, openNodeRedis6 } from "./clients.ts";
import { type ClientName, type Contestant, type Session, TTL } from "./contestant.ts";

const COMPARE_AND_DELETE =
  'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0';
const SHA = createHash("sha1").update(COMPARE_AND_DELETE).digest("hex");

/** What is used of ioredis 5 and 6 alike. */
interface Ioredis {
  set(key: string, value: string, px: "PX", ttl: number, nx: "NX"): Promise<unknown>;
  evalsha(sha: string, keys: number, key: string, token: string): Promise<unknown>;
  script(load: "LOAD", source: string): Promise<unknown>;
  disconnect(): void;
}

/** What is used of node-redis 5 and 6 alike. */
interface NodeRedis {
  set(
    key: string,
    value: string,
    options: { expiration: { type: "PX"; value: number }; condition: "NX" },
  ): Promise<unknown>;
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  scriptLoad(source: string): Promise<unknown>;
  destroy(): void;
}

function newToken(): string {
  return randomBytes(16).toString("base64url");
}

function assertTaken(reply: unknown): void {
  if (reply !== "OK") throw new Error("plain commands cannot wait: the key is taken");
}

async function ioredisSession(client: Ioredis): Promise<Session> {
  await client.script("LOAD", COMPARE_AND_DELETE);
  return {
    acquire: async (key) => {
      const token = newToken();
      assertTaken(await client.set(key, token, "PX", TTL, "NX"));
      return () => client.evalsha(SHA, 1, key, token);
    },
    close: async () => client.disconnect(),
  };
}

async function nodeRedisSession(client: NodeRedis): Promise<Session> {
  await client.scriptLoad(COMPARE_AND_DELETE);
  return {
    acquire: async (key) => {
      const token = newToken();
      const options = { expiration: { type: "PX", value: TTL }, condition: "NX" } as const;
      assertTaken(await client.set(key, token, options));
      return () => client.evalSha(SHA, { keys: [key], arguments: [token] });
    },
    close: async () => client.destroy(),
  };
}

function plain(client: ClientName, open: (url: string) => Promise<Session>): Contestant {
  return { name: "plain commands", family: "plain", client, settings: "SET NX PX + Lua delete", open };
}

export const plainOnIoredis5 = plain("ioredis 5", async (url) => ioredisSession(await openIoredis5(url)));
export const plainOnIoredis6 = plain("ioredis 6", async (url) => ioredisSession(await openIoredis6(url)));
export const plainOnNodeRedis5 = plain("node-redis 5", async (url) =>
  nodeRedisSession(await openNodeRedis5(url)),
);
export const plainOnNodeRedis6 = plain("node-redis 6", async (url) =>
  nodeRedisSession(await openNodeRedis6(url)),
);
