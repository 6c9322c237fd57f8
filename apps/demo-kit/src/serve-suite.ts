import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, it } from "vitest";
import { launchDemo } from "./testing.ts";

/** What every demo that serves pages does with `--port`. */
export function serveSuite(demo: string): void {
  it.each(["0", "65536", "http", "8080\u001b"])("does not serve at the port %j", async (port) => {
    const { code, stderr } = await launchDemo([demo, "--serve", "--port", port]);
    expect(code).toBe(1);
    expect(stderr).toContain("--port must be a whole number from 1 to 6553");
    expect(stderr).not.toContain("\u001b");
  });

  it("does not serve at a port that is taken, and says so", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const { code, stdout, stderr } = await launchDemo([demo, "--serve", "--port", String(port)]);
    taken.close();
    expect(stderr).toBe(`✗ port ${port} of 127.0.0.1 is taken; try another --port\n`);
    expect(stdout).not.toContain("│");
    expect(code).toBe(1);
  });
}
