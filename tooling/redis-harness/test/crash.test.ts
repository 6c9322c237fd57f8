import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { exists, isAlive, until } from "./support.ts";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

function startOwner(...args: string[]) {
  return spawn(process.execPath, ["--import", "tsx", "test/fixtures/owner.ts", ...args], {
    cwd: PACKAGE,
    stdio: ["ignore", "pipe", "inherit"],
  });
}

describe("a harness process that ends without stopping its server", { timeout: 60_000 }, () => {
  for (const pausing of ["running", "paused"]) {
    it(`takes a ${pausing} server and its directory along when it is SIGKILLed`, async () => {
      const owner = startOwner("wait", pausing);
      const [line] = await once(createInterface({ input: owner.stdout }), "line");
      const { pid, home } = JSON.parse(String(line));
      expect(await isAlive(pid)).toBe(true);

      owner.kill("SIGKILL");
      await once(owner, "exit");

      await until("the server has ended", async () => !(await isAlive(pid)));
      await until("its directory is gone", async () => !(await exists(home)));
    });
  }

  it("can exit by itself, and the server goes too", async () => {
    const owner = startOwner("leave");
    const lines = createInterface({ input: owner.stdout });
    const [[line], [code]] = await Promise.all([once(lines, "line"), once(owner, "exit")]);
    expect(code).toBe(0);
    const { pid, home } = JSON.parse(String(line));
    await until("the server has ended", async () => !(await isAlive(pid)));
    await until("its directory is gone", async () => !(await exists(home)));
  });
});
