import { useRedis } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";
import { torture } from "./torture/torture.ts";

const redis = useRedis();

it("60 runs over 3 keys, of which 7 are killed and 4 stopped: nothing of one works beside another", {
  timeout: 240_000,
}, async () => {
  const report = await torture({
    redisUrl: redis.url,
    runs: 60,
    kills: 7,
    stops: 4,
    keys: 3,
    batch: 9,
    ttl: 3_000,
  });
  expect(report).toMatchObject({ runs: 60, overlaps: [], wrongExits: [], wrongTokens: [], missing: [] });
});
