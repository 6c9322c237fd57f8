import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { byHandOnIoredis5, byHandOnIoredis6, byHandOnNodeRedis5, byHandOnNodeRedis6 } from "./by-hand.ts";
import { type Contestant, idOf } from "./contestant.ts";
import { oursOf } from "./ours.ts";
import { plainOnIoredis5, plainOnIoredis6, plainOnNodeRedis5, plainOnNodeRedis6 } from "./plain.ts";
import { redisSemaphore } from "./redis-semaphore.ts";
import { redlockUniversalOnIoredis5, redlockUniversalOnNodeRedis5 } from "./redlock-universal.ts";
import { redlock4 } from "./redlock4.ts";
import { redlock5 } from "./redlock5.ts";
import { sesamecare } from "./sesamecare.ts";
import { verrou } from "./verrou.ts";

const ours = oursOf({ createLocks, ioredisBackend, nodeRedisBackend });

const rivalsOnIoredis: readonly Contestant[] = [
  redlock5,
  redlock4,
  sesamecare,
  redisSemaphore,
  redlockUniversalOnIoredis5,
  verrou,
];

/** For keys that nobody else wants. */
export const uncontended: readonly Contestant[] = [
  plainOnIoredis5,
  byHandOnIoredis5,
  ours.onIoredis5,
  plainOnIoredis6,
  byHandOnIoredis6,
  ours.onIoredis6,
  plainOnNodeRedis5,
  byHandOnNodeRedis5,
  ours.onNodeRedis5,
  plainOnNodeRedis6,
  byHandOnNodeRedis6,
  ours.onNodeRedis6,
  ...rivalsOnIoredis,
  redlockUniversalOnNodeRedis5,
];

/** For a key that many want: plain commands cannot wait. */
export const contending: readonly Contestant[] = [
  ours.onIoredis5,
  ours.onIoredis6,
  ours.onNodeRedis6,
  ...rivalsOnIoredis,
];

/** The fastest of each kind, for a short run. */
export const contendingQuick: readonly Contestant[] = [
  ours.onIoredis6,
  ours.onNodeRedis6,
  redlock5,
  redisSemaphore,
  redlockUniversalOnIoredis5,
];

export function findContestant(id: string, more: readonly Contestant[] = []): Contestant {
  const found = [...uncontended, ...more].find((contestant) => idOf(contestant) === id);
  if (found === undefined) throw new Error(`no contestant is called ${id}`);
  return found;
}
