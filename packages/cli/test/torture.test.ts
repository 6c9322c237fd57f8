import { useRedis } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";
import { torture } from "./torture/torture.ts";

const redis = useRedis();

it("12 runs over 2 keys, of which 2 are killed and 2 stopped: nothing of one works beside another", {
  timeout: 240_000,
}, async () => {
  const report = await torture({
    redisUrl: redis.url,
    runs: 12,
    kills: 2,
    stops: 2,
    keys: 2,
    batch: 6,
    ttl: 3_000,
  });
  expect(report).toMatchObject({ runs: 12, overlaps: [], wrongExits: [], wrongTokens: [], missing: [] });
});
