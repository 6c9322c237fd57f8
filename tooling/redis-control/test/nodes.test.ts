import { startRedis } from "@lock/redis-harness";
import { canListen, findFreePort } from "@lock/redis-harness/host";
import { describe, expect, it } from "vitest";
import { ask, HEALTH, useControl } from "./support/control.ts";

describe("five nodes", { timeout: 180_000 }, () => {
  const control = useControl();

  it("are started, checked, and stopped", async () => {
    const port = await findFreePort(5);
    const { code, output } = await control.runHere(`start --quorum --port ${port}`);
    expect(code).toBe(0);
    const pids = [...output.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
    expect(pids.length).toBe(5);
    const REDIS_NODES = /REDIS_NODES=(\S+)/.exec(output)?.[1] ?? "";
    expect(await control.run(HEALTH, { REDIS_NODES })).toMatchObject({
      code: 0,
      output: expect.stringContaining("healthy: "),
    });

    const kill = (pid = 0) => process.kill(pid, "SIGKILL");
    pids.slice(0, 2).forEach(kill);
    const degraded = await control.run(`${HEALTH} --strict`, { REDIS_NODES });
    expect(degraded).toMatchObject({ code: 1, output: expect.stringContaining("degraded: ") });
    expect(degraded.output).toContain(`127.0.0.1:${port}: connect ECONNREFUSED`);
    kill(pids[2]);
    const unhealthy = await control.run(HEALTH, { REDIS_NODES });
    expect(unhealthy).toMatchObject({ code: 2, output: expect.stringContaining("2 of 5 nodes can vote") });

    const back = await control.runHere(`start --quorum --port ${port}`);
    expect(back.output.match(/started/g)?.length).toBe(3);
    expect(back.output.match(/runs already/g)?.length).toBe(2);
    expect((await control.runHere("stop")).output.match(/stopped/g)?.length).toBe(5);
  });

  it("are started all, or none", async () => {
    const port = await findFreePort(5);
    await using stranger = await startRedis({ port: port + 3 });
    const { code, output } = await control.runHere(`start --quorum --port ${port}`);
    expect(code).toBe(1);
    expect(output).toContain(`127.0.0.1:${port + 3} is taken`);
    expect(await canListen(port)).toBe(true);
    expect(await ask(stranger.url, (redis) => redis.ping())).toBe("PONG");
  });
});
