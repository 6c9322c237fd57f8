import { spawn } from "node:child_process";
import { createLocks, type Lease, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import stringWidth from "string-width";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { lockHere } from "./support/here.ts";
import { environment, lock, MAIN } from "./support/lock.ts";

const redis = useRedis();
const EVIL = "evil\u001b[31m\u202eholder\u009b2J\r\n<b>";
const HOSTILE = [
  "<script>alert(1)</script>",
  "right\u202eto\u2066left",
  "x".repeat(512),
  "line\nbreak\rback\ttab",
  "\u001b[2J\u001b[H\u001b]0;title\u0007",
  "c1 \u009b31m \u0085",
  "separators \u2028\u2029",
  "漢字".repeat(40),
  "e\u0301 👩‍👩‍👧 ﷽",
  "\u200bzero\ufeffwidth\u00ad",
  "\ue000private \u{e0041}tag",
  "-dash",
  'quote " and \\ backslash',
  "{brace}%7B",
];

let client: Redis;
let locks: Locks;
const leases: Lease[] = [];
const env = (more: NodeJS.ProcessEnv = {}) => ({ REDIS_URL: redis.url, ...more });

beforeAll(async () => {
  client = new Redis(redis.url);
  locks = createLocks({ backend: ioredisBackend(client), holder: EVIL });
  const meta = { [EVIL]: "\u001b]0;title\u0007\nsecond line", job: "7" };
  for (const key of HOSTILE) leases.push(await locks.acquire(key, { ttl: 300_000, meta }));
  for (const key of HOSTILE.slice(0, 3)) {
    locks.acquire(key, { wait: "forever", meta }).catch(() => undefined);
    await vi.waitFor(async () => expect((await locks.inspect(key))?.waiting).toBe(1));
  }
});
afterAll(async () => {
  await locks.close();
  client.disconnect();
});

/** What no output may have but its own line ends, and the tabs between cells. */
function expectText(output: string): void {
  expect(output.replace(/[\n\t]/g, "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/u);
}

function expectFits(output: string, columns: number): void {
  expect(output.split("\n").filter((line) => stringWidth(line) > columns)).toEqual([]);
}

describe("hostile keys, holders and facts are shown as text", () => {
  it.each([80, 60])("lock ls, in %i columns", async (columns) => {
    for (const sort of [[], ["--sort", "waiting"], ["--sort", "key"]]) {
      const { stdout, stderr, code } = await lockHere(["ls", ...sort], env({ COLUMNS: String(columns) }));
      expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
      expectText(stdout);
      expectFits(stdout, columns);
      expect(stdout.trim().split("\n")).toHaveLength(HOSTILE.length + 1);
      expect(stdout).toContain("evil\\u{1b}");
    }
  });

  it("lock ls in a pipe: nothing is cut, and a tab stands between the cells", async () => {
    const { stdout } = await lock(["ls"], env());
    expectText(stdout);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => line.split("\t"));
    expect(rows.every((cells) => cells.length === 6)).toBe(true);
    expect(rows.map(([key]) => key)).toContain("x".repeat(512));
    expect(rows.map(([key]) => key)).toContain("line\\u{a}break\\u{d}back\\u{9}tab");
  });

  it.each([80, 60])("lock inspect, in %i columns", async (columns) => {
    for (const key of HOSTILE.slice(2, 12)) {
      const { stdout, code } = await lockHere(["inspect", "--", key], env({ COLUMNS: String(columns) }));
      expect(code).toBe(0);
      expectText(stdout);
      expectFits(stdout, columns);
      expect(stdout.replace(/\n */g, "")).toContain("\\u{1b}]0;title\\u{7}\\u{a}second line");
    }
  });

  it("as JSON: valid, and what was written comes back", async () => {
    const { stdout } = await lockHere(["ls", "--json"], env());
    expectText(stdout);
    const states = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(states.map(({ key }) => key).toSorted()).toEqual(HOSTILE.toSorted());
    expect(states.every(({ holders }) => holders[0].holder === EVIL)).toBe(true);
    for (const key of HOSTILE.slice(0, 6)) {
      const one = await lockHere(["inspect", "--json", "--", key], env());
      expectText(one.stdout);
      expect(JSON.parse(one.stdout)).toMatchObject({ key, holders: [{ holder: EVIL, meta: { job: "7" } }] });
    }
  });

  it("lock top", async () => {
    const args = ["top", "--for", "400ms", "--interval", "100ms"];
    for (const columns of [80, 60]) {
      const { stdout, code } = await lockHere(args, env({ COLUMNS: String(columns) }));
      expect(code).toBe(0);
      expectText(stdout);
      expectFits(stdout, columns);
      expect(stdout.trim().split("\n")).toHaveLength(5);
    }
    const { stdout } = await lock([...args, "--json"], env());
    expectText(stdout);
    expect(
      JSON.parse(stdout)
        .keys.map(({ key }: { key: string }) => key)
        .toSorted(),
    ).toEqual(HOSTILE.slice(0, 3).toSorted());
  });

  it("messages: busy, a timeout, nobody holds it, a release", async () => {
    for (const [index, key] of HOSTILE.slice(0, 6).entries()) {
      // What lock run says itself is of the same words: a process of its own for some.
      const busy =
        index < 2
          ? await lock(["run", "--wait", "0", "--", key, "true"], env())
          : await lockHere(["acquire", "--wait", "0", "--out", "-", "--", key], env());
      expect(busy.code).toBe(75);
      const none = await lockHere(["release", "--force", "--yes", "--", `${key.slice(0, 100)} not`], env());
      expect(none.code).toBe(1);
      const unknown = await lockHere(["run", key, `--${key}`], env());
      expect(unknown.code).toBe(64);
      for (const { stderr, stdout } of [busy, none, unknown]) {
        expect(stdout).toBe("");
        expectText(stderr);
        expect(stderr.trim().split("\n")).toHaveLength(1);
      }
    }
    const [key = ""] = HOSTILE;
    const taken = await lock(["release", key, "--force", "--yes"], env());
    expectText(taken.stderr + taken.stdout);
    expect(taken.stdout).toBe(`released "${key}"\n`);
  });
});

describe("lock release", () => {
  it("takes a key from the holder that is named, and from no other", async () => {
    const key = "release:named";
    const lease = await locks.acquire(key);
    const other = await lockHere(["release", key, "--token", "nobody-x", "--yes"], env());
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining("with that token") });
    const token = lease.token.slice(0, 8);
    const { code, stdout, stderr } = await lockHere(["release", key, "--token", token, "--yes"], env());
    expect({ code, stdout }).toEqual({ code: 0, stdout: `released "${key}"\n` });
    expect(stderr).toContain(token);
    expect(await locks.inspect(key)).toBeNull();
  });

  it("takes it from all that hold it, and from another program", async () => {
    const key = "release:shared";
    await locks.readWrite(key).read.acquire();
    await locks.readWrite(key).read.acquire();
    const { stdout } = await lockHere(["release", key, "--force", "--yes", "--json"], env());
    expect(JSON.parse(stdout)).toEqual({ key, released: 2 });
    await client.set("lock:{release:foreign}", "short");
    expect((await lockHere(["ls", "release:foreign"], env())).stdout).toContain("another program");
    expect((await lockHere(["release", "release:foreign", "--force", "--yes"], env())).code).toBe(0);
    expect(await client.get("lock:{release:foreign}")).toBeNull();
  });
});

describe("lock ls", () => {
  it("finds keys by a pattern, of its prefix only, and as many as it is told", async () => {
    await locks.acquire("find:1");
    await locks.acquire("find:2");
    const { stdout } = await lockHere(["ls", "find:*", "--sort", "key"], env());
    expect(stdout.split("\n").map((line) => line.split("\t")[0])).toEqual(["KEY", "find:1", "find:2", ""]);
    expect(
      (await lockHere(["ls", "find:*", "--limit", "1", "--json"], env())).stdout.trim().split("\n"),
    ).toHaveLength(1);
    expect((await lockHere(["ls", "find:*", "--prefix", "other"], env())).stdout).toBe("");
    expect((await lockHere(["ls", "find:?"], env())).stdout).toBe("");
  });

  it("ends quietly where its reader has gone", async () => {
    const child = spawn("sh", ["-c", `"$0" "$1" ls | head -1; echo ok`, process.execPath, MAIN], {
      env: environment(env()),
    });
    let said = "";
    child.stdout.on("data", (text) => {
      said += text;
    });
    child.stderr.on("data", (text) => {
      said += text;
    });
    await new Promise((resolve) => child.once("close", resolve));
    expect(said).toMatch(/^KEY.*\nok\n$/);
  });

  it("sorts the first 1000 keys only, and says so", async () => {
    const many = createLocks({ backend: ioredisBackend(client), prefix: "many" });
    await Promise.all(Array.from({ length: 1_200 }, (_, index) => many.acquire(`key:${index}`)));
    const sorted = await lockHere(["ls", "--prefix", "many", "--sort", "key"], env());
    expect(sorted.stdout.trim().split("\n")).toHaveLength(1_001);
    expect(sorted.stderr).toContain("the first 1000");
    const all = await lockHere(["ls", "--prefix", "many"], env());
    expect(all).toMatchObject({ stderr: "", code: 0 });
    expect(
      new Set(
        all.stdout
          .trim()
          .split("\n")
          .map((line) => line.split("\t")[0]),
      ).size,
    ).toBe(1_201);
    await many.close();
  });
});

describe("lock health", () => {
  it("says what it finds, and its exit code says so as well", async () => {
    const { code, stdout } = await lockHere(["health"], env({ COLUMNS: "60" }));
    expect(code).toBe(0);
    expect(stdout).toContain("degraded");
    expectFits(stdout, 60);
    expect((await lock(["health", "--strict"], env())).code).toBe(1);
    const report = JSON.parse((await lockHere(["health", "--json"], env())).stdout);
    expect(report).toMatchObject({ verdict: "degraded", nodes: [{ status: "reachable" }] });
    const away = await lockHere(["health", "--url", "redis://:s3cret@127.0.0.1:1", "--json"]);
    expect(away.code).toBe(2);
    expect(JSON.parse(away.stdout)).toMatchObject({
      verdict: "unhealthy",
      nodes: [{ status: "unreachable" }],
    });
    expect(away.stdout + away.stderr).not.toContain("s3cret");
  });
});
