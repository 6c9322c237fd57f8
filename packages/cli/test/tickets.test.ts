import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { expect, useOwnTests, useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { afterAll, beforeAll, it } from "vitest";
import { lockHere } from "./support/here.ts";
import { lock, start } from "./support/lock.ts";

/** A start of `lock` takes most of a second of a core, and its server has to answer within three seconds. */
useOwnTests({ atOnce: 3 });
const redis = useRedis();
const folder = await mkdtemp(join(tmpdir(), "lock-tickets-"));
let client: Redis;
let locks: Locks;
const env = (more: NodeJS.ProcessEnv = {}) => ({ REDIS_URL: redis.url, ...more });
/** A folder that no other test uses. */
const newFolder = () => mkdtemp(join(folder, "of-"));

beforeAll(() => {
  client = new Redis(redis.url);
  locks = createLocks({ backend: ioredisBackend(client) });
});
afterAll(async () => {
  await locks.close();
  client.disconnect();
  await rm(folder, { recursive: true, force: true });
});

it.concurrent("a ticket in a file: only its owner can read it; extended in place; released once", async () => {
  const own = await newFolder();
  const out = join(own, "order.ticket");
  const acquired = await lock(["acquire", "order", "--ttl", "20s", "--out", out, "--holder", "me"], env());
  expect(acquired).toMatchObject({ code: 0, stderr: "" });
  expect(acquired.stdout).toMatch(/^acquired "order" for 1\d\.\ds, fencing token \d+\n$/);
  expect((await stat(out)).mode & 0o777).toBe(0o600);
  expect(await locks.inspect("order")).toMatchObject({ holders: [{ holder: "me" }] });

  const first = await readFile(out, "utf8");
  const extended = await lockHere(["extend", "--ticket", out, "--ttl", "1m", "--json"], env());
  expect(JSON.parse(extended.stdout)).toMatchObject({ event: "extended", key: "order" });
  expect(JSON.parse(extended.stdout).validFor).toBeGreaterThan(50_000);
  expect(await readFile(out, "utf8")).not.toBe(first);
  expect((await stat(out)).mode & 0o777).toBe(0o600);
  expect(await readdir(own)).toEqual(["order.ticket"]);

  // The ticket that was used is worth nothing.
  const old = await lock(["release", "--ticket", "-"], env(), first);
  expect(old).toMatchObject({ code: 77, stdout: "" });
  expect(await lock(["release", "--ticket", out], env())).toMatchObject({
    code: 0,
    stdout: 'released "order"\n',
  });
  expect(await locks.inspect("order")).toBeNull();
  expect((await lockHere(["release", "--ticket", out], env())).code).toBe(77);
});

it.concurrent("a ticket on stdout, in LOCK_TICKET and on stdin", async () => {
  const { stdout, stderr } = await lock(["acquire", "piped", "--out", "-"], env());
  expect(stderr).toMatch(/^acquired "piped" for/);
  const next = await lock(["extend", "--out", "-"], env({ LOCK_TICKET: stdout }));
  expect(next.code).toBe(0);
  const last = await lock(["extend", "--ticket", "-", "--out", "-"], env(), next.stdout);
  expect(last.code).toBe(0);
  expect((await lockHere(["release"], env({ LOCK_TICKET: last.stdout }))).code).toBe(0);
  expect(await locks.inspect("piped")).toBeNull();
});

it.concurrent("an extend that fails leaves a ticket that works, and the key as it was", async () => {
  const out = join(await newFolder(), "kept.ticket");
  await lockHere(["acquire", "kept", "--ttl", "20s", "--out", out], env());
  const failed = await lockHere(["extend", "--ticket", out, "--ttl", "48h"], env());
  expect(failed).toMatchObject({ code: 64, stdout: "" });
  expect(failed.stderr).toMatch(/^lock: ttl must be .*\n$/);
  expect(await locks.inspect("kept")).toMatchObject({ holding: 1 });
  expect((await lockHere(["extend", "--ticket", out], env())).code).toBe(0);
  expect((await lockHere(["release", "--ticket", out], env())).code).toBe(0);
});

it.concurrent("a lease whose ticket cannot be written is given back", async () => {
  const own = await newFolder();
  const out = join(own, "folder");
  await mkdir(out);
  const { code } = await lockHere(["acquire", "unwritten", "--out", out], env());
  expect(code).not.toBe(0);
  expect(await locks.inspect("unwritten")).toBeNull();
  expect((await readdir(own)).filter((name) => name.startsWith("folder."))).toEqual([]);
});

it.concurrent.each([
  { what: "is no JSON", content: "words" },
  { what: "is none of ours", content: '{"version":1}' },
  { what: "is empty", content: "" },
])("a ticket that $what is refused", async ({ content }) => {
  const file = join(await newFolder(), "wrong");
  await writeFile(file, content);
  for (const args of [
    ["extend", "--ticket", file],
    ["release", "--ticket", file],
  ]) {
    const { code, stderr } = await lockHere(args, env());
    expect(stderr).toMatch(/^lock: .*ticket[^\n]*\n$/);
    expect(code).toBe(64);
  }
});

it.concurrent("a ticket that was altered, and one of another prefix, are refused without its token", async () => {
  const { stdout } = await lockHere(["acquire", "altered", "--out", "-"], env());
  const ticket = JSON.parse(stdout);
  const altered = JSON.stringify({ ...ticket, keys: ["other"] });
  const refused = await Promise.all([
    lock(["release", "--ticket", "-"], env(), altered),
    lock(["release", "--ticket", "-", "--prefix", "other"], env(), stdout),
  ]);
  for (const { code, stderr } of refused) {
    expect(code).toBe(64);
    expect(stderr).not.toContain(ticket.token);
  }
});

it.concurrent("busy, timed out and interrupted as lock run", async () => {
  await using _ = await locks.acquire("taken");
  const own = await newFolder();
  const args = ["acquire", "taken", "--out", join(own, "taken")];
  expect((await lockHere([...args, "--wait", "0"], env())).code).toBe(75);
  expect((await lockHere([...args, "--wait", "1s"], env())).code).toBe(76);
  const waiting = start(args, env());
  // On a machine that is busy with something else.
  await expect.poll(async () => (await locks.inspect("taken"))?.waiting, { timeout: 30_000 }).toBe(1);
  waiting.child.kill("SIGINT");
  expect((await waiting.ended).code).toBe(130);
  await expect.poll(async () => (await locks.inspect("taken"))?.waiting).toBe(0);
  expect(await readdir(own)).toEqual([]);
});
