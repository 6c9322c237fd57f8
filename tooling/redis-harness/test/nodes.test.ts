import { describe, expect, it } from "vitest";
import { startRedisNodes } from "../src/index.ts";
import { ask, isAlive } from "./support.ts";

describe("startRedisNodes", { timeout: 60_000 }, () => {
  it("gives independent servers on ports of their own, and stops them all", async () => {
    const { nodes, stop } = await startRedisNodes(5);
    expect(new Set(nodes.map((node) => node.port)).size).toBe(5);
    const [first, ...others] = nodes;
    if (first === undefined) throw new Error("there is no first node");
    await ask(first, "SET k v");
    for (const other of others) expect(await ask(other, "GET k")).toBe("$-1\r\n");

    await stop();
    await stop();
    for (const node of nodes) expect(await isAlive(node.pid)).toBe(false);
  });

  it("fails as a whole, with the reason of the node that failed", async () => {
    await expect(startRedisNodes(3, { args: ["--no-such-directive", "1"] })).rejects.toThrow(
      "no-such-directive",
    );
  });
});
