import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort } from "@lock/redis-harness/host";
import { describe, expect, it } from "vitest";
import { HEALTH, useControl } from "./support/control.ts";

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
    expect((await control.runHere(`start --no-docker --port ${port}`)).output).toContain("started");
    expect((await control.runHere("stop")).output).toContain("stopped");
    await control.install("docker", "#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n");
    expect(await control.runHere("stop")).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^nothing runs/),
    });
  });
});
