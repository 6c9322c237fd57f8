import { stripVTControlCharacters } from "node:util";
import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { expect, useOwnTests, useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import stringWidth from "string-width";
import { afterAll, beforeAll, it } from "vitest";
import { MAIN, start } from "./support/lock.ts";
import { Terminal } from "./support/terminal.ts";

/** A start of `lock` takes most of a second of a core, and its server has to answer within three seconds. */
useOwnTests({ atOnce: 3 });
const redis = useRedis();
const EVIL = "evil\u001b[2J\u202e\u009bholder";
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
let client: Redis;
let locks: Locks;

beforeAll(() => {
  client = new Redis(redis.url);
  locks = createLocks({ backend: ioredisBackend(client), holder: EVIL });
});
afterAll(async () => {
  await locks.close();
  client.disconnect();
});

const watch = (pattern: string) => [MAIN, "watch", pattern, "--interval", "100ms"];

it.concurrent.each([80, 60])("a live table in %i columns, and the terminal as it was", async (columns) => {
  const lease = await locks.acquire(`s${columns}:\u001b[5n漢字${"x".repeat(200)}`);
  using terminal = new Terminal(
    process.execPath,
    watch(`s${columns}:*`),
    { REDIS_URL: redis.url, NO_COLOR: "1" },
    columns,
    10,
  );
  await terminal.shows(ENTER);
  await terminal.shows(`s${columns}:\\u{1b}`);
  await lease.release();
  await terminal.shows("0 keys");
  terminal.type("\u0003");
  expect(await terminal.ended).toBe(0);
  expect(terminal.all.endsWith(LEAVE)).toBe(true);
  expect(terminal.all.split(ENTER)).toHaveLength(2);
  for (const evil of ["\u009b", "\u202e", "\u001b[2J", "\u001b[5n"]) expect(terminal.all).not.toContain(evil);
  const lines = terminal.all.split(/\r\n/).map(stripVTControlCharacters);
  expect(lines.filter((line) => stringWidth(line) > columns)).toEqual([]);
});

it.concurrent("shows as many rows as there is room for, those that most wait for first", async () => {
  const leases = await Promise.all(Array.from({ length: 20 }, (_, n) => locks.acquire(`seen:${n + 10}`)));
  const waiting = locks.acquire("seen:25", { wait: "forever" });
  await expect.poll(async () => (await locks.inspect("seen:25"))?.waiting).toBe(1);
  using terminal = new Terminal(process.execPath, watch("seen:*"), { REDIS_URL: redis.url }, 80, 10);
  const page = await terminal.shows(/20 keys, 13 more below[\s\S]*seen:25[\s\S]*seen:10[\s\S]*seen:15/);
  expect(page).not.toContain("seen:16");
  terminal.type("\u0003");
  await terminal.ended;
  for (const lease of leases) await lease.release();
  await (await waiting).release();
});

it.concurrent("gives the terminal back while it is stopped", async () => {
  using shell = new Terminal("bash", ["--norc", "-i"], { REDIS_URL: redis.url });
  await shell.shows("ready> ");
  shell.type(
    `${process.execPath} ${watch("none:*")
      .map((word) => `'${word}'`)
      .join(" ")}\r`,
  );
  await shell.shows("0 keys");
  shell.type("\u001a");
  await shell.shows(LEAVE);
  await shell.shows("Stopped");
  shell.type("fg\r");
  await shell.shows(ENTER);
  await shell.shows("0 keys");
  shell.type("\u0003");
  await shell.shows(LEAVE);
  await shell.shows("ready> ");
});

it.concurrent.each([["--json"], []])("without a terminal, one line for each change %s", async (...flags) => {
  const isJson = flags.length > 0;
  const key = isJson ? "json:1" : "told:1";
  const pattern = `${key.slice(0, -1)}*`;
  const started = start(["watch", pattern, "--interval", "100ms", ...flags], { REDIS_URL: redis.url });
  const lease = await locks.acquire(key);
  await started.says(/held/);
  const waiting = locks.acquire(key, { wait: "forever" });
  await started.says(/changed/);
  await lease.release();
  await (await waiting).release();
  await started.says(/freed/);
  started.child.kill("SIGTERM");
  const { stdout, stderr, code } = await started.ended;
  expect({ stderr, code }).toEqual({ stderr: "", code: 143 });
  const lines = stdout.trim().split("\n");
  expect(stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  if (isJson) {
    const events = lines.map((line) => JSON.parse(line));
    expect(events[0]).toMatchObject({ event: "held", key, state: { holders: [{ holder: EVIL }] } });
    expect(events.at(-1)).toMatchObject({ event: "freed", key });
  } else {
    expect(lines[0]).toMatch(/^\S+Z {2}held {2}told:1 {2}by evil/);
  }
});
