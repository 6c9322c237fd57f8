import { createHash, randomBytes } from "node:crypto";
import { openIoredis5, openIoredis6, openNodeRedis5, openNodeRedis6 } from "./clients.ts";
import { type ClientName, type Contestant, type Session, TTL } from "./contestant.ts";

/** What somebody would write who knows that a lock needs a fencing token, and that others may queue. */
const ACQUIRE = `local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
if redis.call('EXISTS', KEYS[1], KEYS[3], KEYS[4]) ~= 0 then return false end
local last, fence = tonumber(redis.call('GET', KEYS[2]) or 0), now
if last >= fence then fence = last + 1 end
local text = string.format('%.0f', fence)
redis.call('SET', KEYS[2], text, 'PX', ARGV[3])
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. text .. ' ' .. ARGV[4], 'PX', ARGV[2])
return fence`;
const RELEASE = `local value = redis.call('GET', KEYS[1])
if not value or string.sub(value, 1, #ARGV[1] + 1) ~= ARGV[1] .. ' ' then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
return redis.call('DEL', KEYS[1])`;
const [ACQUIRE_SHA = "", RELEASE_SHA = ""] = [ACQUIRE, RELEASE].map((source) =>
  createHash("sha1").update(source).digest("hex"),
);
const RETENTION = "3600000";
const INFO = '{"h":"by hand"}';

/** Runs a script by its hash, on any client. */
type Run = (sha: string, keys: string[], args: string[]) => Promise<unknown>;

function session(run: Run, close: () => void): Session {
  return {
    acquire: async (key) => {
      const token = randomBytes(16).toString("base64url");
      const lock = `lock:{${key}}`;
      const keys = [lock, `${lock}:fence`, `${lock}:queue`, `${lock}:liveness`];
      const fence = await run(ACQUIRE_SHA, keys, [token, String(TTL), RETENTION, INFO]);
      if (typeof fence !== "number") throw new Error("a lock by hand cannot wait: the key is taken");
      return () => run(RELEASE_SHA, [lock, `${lock}:queue`], [token]);
    },
    close: async () => close(),
  };
}

function byHand(client: ClientName, open: (url: string) => Promise<Session>): Contestant {
  const settings = "two scripts: TIME, EXISTS, GET, SET, SET and GET, EXISTS, DEL";
  return { name: "fenced by hand", family: "by hand", client, settings, open };
}

type Ioredis = Awaited<ReturnType<typeof openIoredis5>> | Awaited<ReturnType<typeof openIoredis6>>;

function onIoredis(client: ClientName, open: (url: string) => Promise<Ioredis>): Contestant {
  return byHand(client, async (url) => {
    const opened = await open(url);
    for (const source of [ACQUIRE, RELEASE]) await opened.call("SCRIPT", "LOAD", source);
    const run: Run = (sha, keys, args) =>
      opened.call("EVALSHA", sha, String(keys.length), ...keys, ...args) as Promise<unknown>;
    return session(run, () => opened.disconnect());
  });
}

type NodeRedis = Awaited<ReturnType<typeof openNodeRedis5>> | Awaited<ReturnType<typeof openNodeRedis6>>;

function onNodeRedis(client: ClientName, open: (url: string) => Promise<NodeRedis>): Contestant {
  return byHand(client, async (url) => {
    const opened = await open(url);
    for (const source of [ACQUIRE, RELEASE]) await opened.sendCommand(["SCRIPT", "LOAD", source]);
    const run: Run = (sha, keys, args) => opened.evalSha(sha, { keys, arguments: args });
    return session(run, () => opened.destroy());
  });
}

export const byHandOnIoredis5 = onIoredis("ioredis 5", openIoredis5);
export const byHandOnIoredis6 = onIoredis("ioredis 6", openIoredis6);
export const byHandOnNodeRedis5 = onNodeRedis("node-redis 5", openNodeRedis5);
export const byHandOnNodeRedis6 = onNodeRedis("node-redis 6", openNodeRedis6);
