import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { canListen, findFreePort, run } from "@lock/redis-harness/host";
import { describe, expect, it } from "vitest";
import { ask, HEALTH, inOneLine, useControl } from "./support/control.ts";

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

    const again = await control.runHere(`start --port ${port}`);
    expect(again).toMatchObject({ code: 0, output: expect.stringContaining("runs already") });
    expect(await control.run("logs --lines 2")).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^(redis │ .*\n){2}$/),
    });

    expect(await control.runHere("restart")).toEqual({
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
    expect(await control.runHere("stop")).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^nothing runs/),
    });
    for (const command of ["logs", "restart"]) {
      expect(await control.runHere(command)).toMatchObject({
        code: 1,
        output: expect.stringContaining("nothing runs"),
      });
    }
  });

  it("asks for the password, which nobody else is told", async () => {
    const port = await findFreePort();
    const REDIS_URL = `redis://127.0.0.1:${port}`;
    const REDIS_PASSWORD = 's3cret "quoted" é/@#';
    const { output } = await control.runHere(`start --port ${port}`, { REDIS_PASSWORD });
    expect(output).not.toContain("s3cret");
    expect((await run("ps", ["-eo", "args="])).output).not.toContain("s3cret");
    expect(await contentOf(control.state)).not.toContain("s3cret");

    expect(await control.run(HEALTH, { REDIS_URL, REDIS_PASSWORD })).toMatchObject({ code: 0 });
    await expect(ask(REDIS_URL, (redis) => redis.ping())).rejects.toThrow("NOAUTH");
    const guess = REDIS_URL.replace("//", "//:guess@");
    await expect(ask(guess, (redis) => redis.ping())).rejects.toThrow("WRONGPASS");
    expect(await control.runHere("stop")).toMatchObject({ code: 0 });
  });

  it("leaves a port to whoever has it", async () => {
    const stranger = createServer().listen(0, "127.0.0.1");
    await once(stranger, "listening");
    const address = stranger.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { code, output } = await control.runHere(`start --port ${port}`);
    expect(code).toBe(1);
    expect(inOneLine(output)).toContain(
      `127.0.0.1:${port} is taken by a program that redis:start has not started`,
    );
    expect(stranger.listening).toBe(true);
    stranger.close();
    expect(await control.runHere("stop")).toMatchObject({ output: expect.stringMatching(/^nothing runs/) });
  });

  it("leaves a process alone that has got the pid of one that it has started", async () => {
    const stranger = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    await once(stranger, "spawn");
    await mkdir(join(control.state, "lock-redis", "redis", "data"), { recursive: true });
    const record = JSON.stringify({ pid: stranger.pid, port: 6_379 });
    await writeFile(join(control.state, "lock-redis", "redis", "running.json"), record);
    expect(await control.runHere("stop")).toMatchObject({
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
    const { output } = await control.runHere(`start --port ${port}`);
    process.kill(Number(/pid (\d+)/.exec(output)?.[1]), "SIGSTOP");
    expect(await control.runHere("stop")).toMatchObject({
      code: 0,
      output: expect.stringContaining("stopped"),
    });
    expect(await canListen(port)).toBe(true);
    // By itself, and not by SIGKILL: that is what it says last.
    expect(await readFile(join(control.state, "lock-redis", "redis", "redis.log"), "utf8")).toMatch(
      /bye bye\.\.\.\n$/,
    );
  });
});
