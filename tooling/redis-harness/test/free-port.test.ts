import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { BUS, canListen, findFreePort, findPortWithBus } from "../src/free-port.ts";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

async function portsOfAnotherProcess(count: number): Promise<number[]> {
  const args = ["--import", "tsx", "test/fixtures/ports.ts", String(count)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: PACKAGE });
  return JSON.parse(stdout);
}

/** More than a block has, and asked for at once. */
const MANY = 150;
const take = (find: () => Promise<number>) => Promise.all(Array.from({ length: MANY }, find));

describe("free ports", () => {
  it("are given once, also where nothing listens on them", async () => {
    const here = [...(await take(findFreePort)), ...(await take(findPortWithBus))];
    expect(new Set(here).size).toBe(here.length);

    const elsewhere = await Promise.all(Array.from({ length: 4 }, () => portsOfAnotherProcess(MANY)));
    const all = [...here, ...elsewhere.flat()];
    expect(all).toHaveLength(here.length + 4 * MANY);
    // Other tests run beside this one, but no process may be given what this one has.
    for (const port of elsewhere.flat()) expect(here).not.toContain(port);
  });

  it("follow each other", async () => {
    const [first, second] = await Promise.all([findFreePort(40), findFreePort(40)]);
    expect(Math.abs(first - second)).toBeGreaterThanOrEqual(40);
    for (let port = first; port < first + 40; port++) expect(await canListen(port)).toBe(true);
  });

  it("of cluster nodes have a free one above", async () => {
    expect(await canListen((await findPortWithBus()) + BUS)).toBe(true);
  });

  it("are not given in longer rows than a block has", async () => {
    await expect(findFreePort(64)).rejects.toThrow("count is 64; at most 63 ports follow each other");
  });
});
