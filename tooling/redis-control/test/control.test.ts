import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { startRedis } from "@lock/redis-harness";
import { canListen, findFreePort, run } from "@lock/redis-harness/host";
import { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { findFreePorts, useControl } from "./support/control.ts";

async function ask<T>(url: string, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  redis.on("error", () => undefined);
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

/** On a machine that may be loaded. */
const HEALTH = "health --timeout 20000 --max-ping 20000";

/** Output breaks its lines for the terminal. */
const inOneLine = (output: string) => output.replaceAll(/\s+/g, " ");

/** All text of all files below a directory. */
async function contentOf(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return (await Promise.all(files.map((file) => readFile(file, "latin1")))).join("\n");
}

describe("one Redis", { timeout: 180_000 }, () => {
  const control = useControl();

  it("is started, found again, restarted with its data, and stopped", async () => {
    const port = await findFreePort();
    const url = `redis://127.0.0.1:${port}`;
    const started = await control.run(`start --port ${port}`);
    expect(started.output).toMatch(new RegExp(`redis  127.0.0.1:${port}  started  pid \\d+`));
    expect(started.output).toContain(`export REDIS_URL=${url}\n`);
    expect(started.code).toBe(0);
    await ask(url, (redis) => redis.set("kept", "yes"));

    const again = await control.run(`start --port ${port}`);
    expect(again).toMatchObject({ code: 0, output: expect.stringContaining("runs already") });
    expect(await control.run("logs --lines 2")).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^(redis │ .*\n){2}$/),
    });

    expect(await control.run("restart")).toEqual({
      code: 0,
      output: `redis  127.0.0.1:${port}  restarted\n`,
    });
    expect(await ask(url, (redis) => redis.get("kept"))).toBe("yes");
    const health = await control.run(HEALTH, { REDIS_URL: url });
    expect(health.code).toBe(0);
    expect(inOneLine(health.output)).toContain(
      "persistence file, fsync always, maxmemory-policy noeviction, no limit",
    );

    expect(await control.run("stop")).toEqual({ code: 0, output: `redis  127.0.0.1:${port}  stopped\n` });
    expect(await canListen(port)).toBe(true);
    expect(await control.run("stop")).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^nothing runs/),
    });
    for (const command of ["logs", "restart"]) {
      expect(await control.run(command)).toMatchObject({
        code: 1,
        output: expect.stringContaining("nothing runs"),
      });
    }
  });

  it("asks for the password, which nobody else is told", async () => {
    const port = await findFreePort();
    const REDIS_URL = `redis://127.0.0.1:${port}`;
    const REDIS_PASSWORD = 's3cret "quoted" é/@#';
    const { output } = await control.run(`start --port ${port}`, { REDIS_PASSWORD });
    expect(output).not.toContain("s3cret");
    expect((await run("ps", ["-eo", "args="])).output).not.toContain("s3cret");
    expect(await contentOf(control.state)).not.toContain("s3cret");

    expect(await control.run(HEALTH, { REDIS_URL, REDIS_PASSWORD })).toMatchObject({ code: 0 });
    const without = await control.run(HEALTH, { REDIS_URL });
    expect(without).toMatchObject({ code: 2, output: expect.stringContaining("NOAUTH") });
    const wrong = await control.run(HEALTH, { REDIS_URL, REDIS_PASSWORD: "guess" });
    expect(wrong).toMatchObject({ code: 2, output: expect.stringContaining("WRONGPASS") });
    expect(wrong.output).not.toContain("guess");
    expect(await control.run("stop")).toMatchObject({ code: 0 });
  });

  it("leaves a port to whoever has it", async () => {
    const stranger = createServer().listen(0, "127.0.0.1");
    await once(stranger, "listening");
    const address = stranger.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { code, output } = await control.run(`start --port ${port}`);
    expect(code).toBe(1);
    expect(inOneLine(output)).toContain(
      `127.0.0.1:${port} is taken by a program that redis:start has not started`,
    );
    expect(stranger.listening).toBe(true);
    stranger.close();
    expect(await control.run("stop")).toMatchObject({ output: expect.stringMatching(/^nothing runs/) });
  });

  it("leaves a process alone that has got the pid of one that it has started", async () => {
    const stranger = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    await once(stranger, "spawn");
    await mkdir(join(control.state, "lock-redis", "redis", "data"), { recursive: true });
    const record = JSON.stringify({ pid: stranger.pid, port: 6_379 });
    await writeFile(join(control.state, "lock-redis", "redis", "running.json"), record);
    expect(await control.run("stop")).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^nothing runs/),
    });
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    const ended = once(stranger, "exit");
    stranger.kill();
    await ended;
  });

  it("is ended also while it is paused", async () => {
    const port = await findFreePort();
    const { output } = await control.run(`start --port ${port}`);
    process.kill(Number(/pid (\d+)/.exec(output)?.[1]), "SIGSTOP");
    expect(await control.run("stop")).toMatchObject({ code: 0, output: expect.stringContaining("stopped") });
    expect(await canListen(port)).toBe(true);
    // By itself, and not by SIGKILL: that is what it says last.
    expect(await readFile(join(control.state, "lock-redis", "redis", "redis.log"), "utf8")).toMatch(
      /bye bye\.\.\.\n$/,
    );
  });
});

describe("five nodes", { timeout: 180_000 }, () => {
  const control = useControl();

  it("are started, checked, and stopped", async () => {
    const port = await findFreePorts(5);
    const { code, output } = await control.run(`start --quorum --port ${port}`);
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
    const degraded = await control.run(HEALTH, { REDIS_NODES });
    expect(degraded).toMatchObject({ code: 0, output: expect.stringContaining("degraded: ") });
    expect(degraded.output).toContain(`127.0.0.1:${port}: connect ECONNREFUSED`);
    expect(await control.run(`${HEALTH} --strict`, { REDIS_NODES })).toMatchObject({ code: 1 });
    kill(pids[2]);
    const unhealthy = await control.run(HEALTH, { REDIS_NODES });
    expect(unhealthy).toMatchObject({ code: 2, output: expect.stringContaining("2 of 5 nodes can vote") });

    const back = await control.run(`start --quorum --port ${port}`);
    expect(back.output.match(/started/g)?.length).toBe(3);
    expect(back.output.match(/runs already/g)?.length).toBe(2);
    expect((await control.run("stop")).output.match(/stopped/g)?.length).toBe(5);
  });

  it("are started all, or none", async () => {
    const port = await findFreePorts(5);
    await using stranger = await startRedis({ port: port + 3 });
    const { code, output } = await control.run(`start --quorum --port ${port}`);
    expect(code).toBe(1);
    expect(output).toContain(`127.0.0.1:${port + 3} is taken`);
    expect(await canListen(port)).toBe(true);
    expect(await ask(stranger.url, (redis) => redis.ping())).toBe("PONG");
  });
});

describe("the command line", () => {
  const control = useControl();

  it.each(["", "begin"])("knows no command %j", async (words) => {
    const usage = expect.stringContaining("usage: pnpm redis:start | redis:stop");
    expect(await control.run(words)).toMatchObject({ code: 64, output: usage });
  });

  it("names the variable of the environment that is wrong", async () => {
    const { code, output } = await control.run(HEALTH, { REDIS_NODES: "a,redis://:secret@b:x" });
    expect(code).toBe(64);
    expect(output).toContain("REDIS_NODES must be");
    expect(output).not.toContain("secret");
    expect(output).not.toContain("    at ");
  });
});

describe("where there is Docker", () => {
  const control = useControl();
  const REDIS_PASSWORD = "not-for-docker's-arguments";

  it("leaves everything to Compose", async () => {
    const calls = join(control.state, "..", "calls");
    // Stands for Docker on machines without it: it is asked what it is asked, and answers as an engine with containers.
    await control.install("docker", `#!/bin/sh\necho "$@" >> ${calls}\necho abc\n`);
    for (const command of ["start", "start --quorum", "logs --lines 7 --follow", "restart", "stop"]) {
      expect(await control.run(command, { REDIS_PASSWORD })).toMatchObject({ code: 0 });
    }
    const asked = (await readFile(calls, "utf8")).trim().split("\n");
    const work = asked.filter((words) => !/ (ls|ps --all --quiet)$/.test(words));
    expect(
      work.map((words) => words.replace(/^compose --file \S+\/docker-compose.yml --profile quorum /, "")),
    ).toEqual([
      "up --detach --wait redis",
      "up --detach --wait node1 node2 node3 node4 node5",
      "logs --tail 7 --follow",
      "restart",
      "stop",
    ]);
    expect(asked.join()).not.toContain(REDIS_PASSWORD);
  });

  it("starts processes all the same if told to, or if its engine does not answer", async () => {
    const port = await findFreePort();
    expect((await control.run(`start --no-docker --port ${port}`)).output).toContain("started");
    expect((await control.run("stop")).output).toContain("stopped");
    await control.install("docker", "#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n");
    expect(await control.run("stop")).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^nothing runs/),
    });
  });
});
