import { startRedis, startRedisNodes } from "@lock/redis-harness";
import { useCluster, useOwnTests, useSentinel } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";
import { lockHere } from "./support/here.ts";
import { lock } from "./support/lock.ts";

/** A start of `lock` takes most of a second of a core, and its server has to answer within three seconds. */
useOwnTests({ atOnce: 2 });
// No server fails here: a loaded machine must not look like one that does.
const sentinel = useSentinel({ downAfter: 10_000 });
const cluster = useCluster();

const HOLDS = ["--", "sh", "-c", "echo holds $LOCK_KEY"];

async function expectRuns(flags: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  expect(await lock([...flags, "run", "a", ...HOLDS], env)).toEqual({
    code: 0,
    signal: null,
    stdout: "holds a\n",
    stderr: "",
  });
}

async function expectTickets(flags: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const acquired = await lockHere([...flags, "acquire", "b", "--out", "-"], env);
  expect(acquired.code).toBe(0);
  expect((await lockHere([...flags, "ls", "b"], env)).stdout).toContain("b\texclusive");
  const released = await lockHere([...flags, "release"], { ...env, LOCK_TICKET: acquired.stdout });
  expect(released.code).toBe(0);
  expect((await lockHere([...flags, "health", "--json"], env)).stdout).toContain('"verdict"');
}

async function expectAll(flags: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  await expectRuns(flags, env);
  await expectTickets(flags, env);
}

it.concurrent("Sentinel", async () => {
  const { name: masterName } = sentinel();
  const sentinels = sentinel()
    .sentinels.map(({ host, port }) => `${host}:${port}`)
    .join(",");
  await expectAll(["--sentinel", masterName, "--nodes", sentinels], {});
  await expectAll(["--sentinel", masterName], { REDIS_NODES: sentinels });
  const wrong = await lockHere(["--sentinel", "nobody", "--nodes", sentinels, "ls"], {});
  expect(wrong.stderr).toMatch(/^lock: cannot use Redis at the master nobody of [^\n]+\n$/);
  expect(wrong.code).toBe(69);
});

it.concurrent("Cluster", async () => {
  const nodes = cluster().servers.map(({ host, port }) => `${host}:${port}`);
  await expectAll(["--cluster", "--nodes", nodes.slice(0, 2).join(",")], {});
  await expectAll(["--cluster"], { REDIS_URL: `redis://${nodes[0]}` });
});

it.concurrent("a quorum: run, ls, inspect, release and health; no tickets; one node may be away", async () => {
  await using five = await startRedisNodes(3);
  const env = { REDIS_NODES: five.nodes.map(({ host, port }) => `${host}:${port}`).join(",") };
  expect((await lock(["run", "q", ...HOLDS], env)).stdout).toBe("holds q\n");
  for (const args of [
    ["acquire", "q", "--out", "-"],
    ["extend", "--ticket", "-", "--out", "-"],
    ["release", "--ticket", "-"],
  ]) {
    const { code, stderr } = await lockHere(args, env);
    expect(stderr).toMatch(/not possible on a quorum \(3 nodes\)[^\n]*use lock run\n$/);
    expect(code).toBe(64);
  }
  const permits = await lock(["run", "q", "--permits", "2", "--", "true"], env);
  expect(permits).toMatchObject({ code: 64, stderr: expect.stringContaining("a semaphore is not possible") });
  await five.nodes[0]?.stop();
  expect((await lock(["run", "q", ...HOLDS], env)).stdout).toBe("holds q\n");
  await five.nodes[1]?.stop();
  const away = await lock(["run", "q", ...HOLDS], env);
  expect(away).toMatchObject({ code: 69, stdout: "" });
});

it.concurrent("a password from the environment is used, and never shown", async () => {
  await using redis = await startRedis({ password: "s3cret/@:" });
  const env = { REDIS_PORT: String(redis.port), REDIS_PASSWORD: "s3cret/@:" };
  const { stdout, stderr } = await lock(["run", "a", "--json", ...HOLDS], env);
  expect(stdout).toBe("holds a\n");
  expect(stderr).not.toContain("s3cret");
});
