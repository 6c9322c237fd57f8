import { describe, expect, it } from "vitest";
import { startRedis } from "../src/index.ts";
import { ask } from "./support.ts";

const HOUR = 3_600_000;

/** How far the clock of a server is ahead of ours, in ms, as its scripts see it. */
async function aheadBy(redis: { host: string; port: number }): Promise<number> {
  const [, seconds = "", , micros = ""] = (
    await ask(redis, "EVAL return{redis.call('TIME')[1],redis.call('TIME')[2]} 0")
  )
    .split("\r\n")
    .slice(1);
  return Number(seconds) * 1_000 + Number(micros) / 1_000 - Date.now();
}

/** The time from the server's answer to our look at the clock is part of what is measured. */
const LATE = 10_000;

describe("a server with a clock of its own", { timeout: 60_000 }, () => {
  it.each([HOUR, -HOUR])("is %d ms ahead from the start, also after a restart", async (clockOffset) => {
    await using redis = await startRedis({ clockOffset });
    expect(Math.abs((await aheadBy(redis)) - clockOffset)).toBeLessThan(LATE);
    await redis.restart();
    expect(Math.abs((await aheadBy(redis)) - clockOffset)).toBeLessThan(LATE);
  });

  it("is stepped while it runs: keys expire at once, or live longer than they were to", async () => {
    await using redis = await startRedis({ clockOffset: 0 });
    expect(Math.abs(await aheadBy(redis))).toBeLessThan(LATE);
    await ask(redis, "SET k v PX 1800000");
    await ask(redis, "SET l v PX 9000000");

    redis.setClockOffset(HOUR);
    expect(Math.abs((await aheadBy(redis)) - HOUR)).toBeLessThan(LATE);
    expect(await ask(redis, "GET k")).toBe("$-1\r\n");
    expect(await ask(redis, "GET l")).toBe("$1\r\nv\r\n");

    redis.setClockOffset(-HOUR);
    const left = Number((await ask(redis, "PTTL l")).slice(1));
    expect(left).toBeGreaterThan(9_000_000 + HOUR - LATE);
  });

  it("is no other server's, and says so where it has none", async () => {
    await using other = await startRedis();
    await using redis = await startRedis({ clockOffset: HOUR });
    expect(Math.abs(await aheadBy(other))).toBeLessThan(LATE);
    expect(await aheadBy(redis)).toBeGreaterThan(HOUR - LATE);
    expect(() => other.setClockOffset(1)).toThrow("clockOffset");
  });
});
