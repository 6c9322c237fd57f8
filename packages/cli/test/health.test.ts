import { startRedis } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";
import { lockHere } from "./support/here.ts";
import { lock } from "./support/lock.ts";

const redis = useRedis({ password: "s3cret" });
const NOWHERE = "127.0.0.1:1";
const HEALTH = ["health", "--timeout", "500ms"];

it.each([
  { what: "nobody listens", flags: ["--url", `redis://:s3cret@${NOWHERE}`], says: "connect ECONNREFUSED" },
  {
    what: "nobody listens, of Sentinels",
    flags: ["--nodes", NOWHERE, "--sentinel", "main"],
    says: "All sentinels are unreachable",
  },
  // The client of a cluster knows no more than that.
  {
    what: "nobody listens, of a Cluster",
    flags: ["--nodes", NOWHERE, "--cluster"],
    says: "Connection is closed",
  },
])("says why a server is unreachable: $what", async ({ flags, says }) => {
  const { code, stdout, stderr } = await lockHere([...HEALTH, ...flags]);
  expect(stdout).toMatch(new RegExp(`^error +(\\S.* )?${NOWHERE}: .*${says}`, "m"));
  expect(stdout).not.toContain("s3cret");
  expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
  const { findings } = JSON.parse((await lockHere([...HEALTH, ...flags, "--json"])).stdout);
  expect(findings[0]).toMatchObject({ code: "unreachable", found: expect.stringContaining(says) });
});

it.each([
  { what: "missing", password: "", says: "NOAUTH" },
  { what: "wrong", password: "wr0ng", says: "WRONGPASS" },
])("says that the password is $what", async ({ password, says }) => {
  const env = { REDIS_PORT: String(redis.server.port), REDIS_PASSWORD: password };
  const { code, stdout, stderr } = await lockHere(HEALTH, env);
  expect(stdout).toMatch(new RegExp(`^error +\\S+: ${says}`, "m"));
  expect(stdout).not.toMatch(/s3cret|wr0ng/);
  expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
});

it.concurrent.each(["alone", "as --cluster", "as --sentinel main"])(
  "ends where a server takes connections and is silent, %s",
  async (how) => {
    await using silent = await startRedis();
    silent.pause();
    const [, ...flags] = how.split(" ");
    // Processes of their own: what is silent is not to keep them alive.
    const place = ["--nodes", `${silent.host}:${silent.port}`, ...flags];
    const [{ code, stdout }, others] = await Promise.all([
      lock([...HEALTH, ...place]),
      lock(["ls", ...place]),
    ]);
    expect(stdout).toMatch(/^error +\S.*: \S.*\n/m);
    expect(stdout).toContain("unhealthy");
    expect(code).toBe(2);
    expect(others).toMatchObject({
      code: 69,
      stdout: "",
      stderr: expect.stringContaining("cannot use Redis"),
    });
    silent.resume();
  },
);

it("names the nodes of a quorum, of which one is silent", async () => {
  await using first = await startRedis();
  await using second = await startRedis();
  await using silent = await startRedis();
  const nodes = [first, second, silent].map(({ host, port }) => `${host}:${port}`);
  silent.pause();
  const { code, stdout } = await lockHere([...HEALTH, "--nodes", nodes.join(",")], { COLUMNS: "120" });
  silent.resume();
  expect(stdout).toMatch(/^NODE +ROLE +VERSION/);
  for (const node of nodes.slice(0, 2)) expect(stdout).toMatch(new RegExp(`^${node} +master +\\d`, "m"));
  expect(stdout).toMatch(new RegExp(`^${nodes[2]} +unreachable$`, "m"));
  expect(stdout).toMatch(new RegExp(`^warning +${nodes[2]}: \\S`, "m"));
  expect(code).toBe(0);
});

it("refuses a timeout of nothing, and one that no timer keeps", async () => {
  for (const [timeout, says] of [
    ["0", "--timeout"],
    ["999999999h", "requestTimeout"],
  ] as const) {
    const { code, stdout, stderr } = await lockHere([
      "health",
      "--timeout",
      timeout,
      "--url",
      `redis://${NOWHERE}`,
    ]);
    expect(stderr).toContain(says);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
  }
});
