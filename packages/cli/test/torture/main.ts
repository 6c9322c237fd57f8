import { startRedis } from "@lock/redis-harness";
import { torture } from "./torture.ts";

/** `npx -y pnpm --filter @lock/cli torture`, once the packages are built: minutes. */
await using redis = await startRedis();
const report = await torture({
  redisUrl: redis.url,
  runs: 500,
  kills: 50,
  stops: 20,
  keys: 5,
  batch: 20,
  ttl: 3_000,
});
console.log(JSON.stringify(report, null, 2));
const faults = [report.overlaps, report.wrongExits, report.wrongTokens, report.missing].flat();
process.exitCode = faults.length === 0 ? 0 : 1;
