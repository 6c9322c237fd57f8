import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import { findPostgres, startPostgres } from "../src/index.ts";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

beforeAll(async () => void (await findPostgres()), 600_000);

/** Whether the process exists and is not merely a zombie that nobody has reaped yet. */
async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return !/\) [ZX] /.test(status);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** The temp directory of a running server. */
async function homeOf(connectionString: string): Promise<string> {
  return dirname(String(await ask(connectionString, "SHOW data_directory")));
}

async function ask(connectionString: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: "array" })).rows;
  } finally {
    await client.end();
  }
}

describe("startPostgres", () => {
  it("gives each caller a server of its own, of which nothing is left after stop, although somebody is connected", async () => {
    const postgres = await startPostgres();
    const { connectionString, pid } = postgres;
    const home = await homeOf(connectionString);
    expect(await ask(connectionString, "SELECT 1")).toEqual([[1]]);
    expect(await ask(connectionString, "SHOW listen_addresses")).toEqual([["127.0.0.1"]]);
    await expect(ask(connectionString.replace(/:[^:@]+@/, ":wrong@"), "SELECT 1")).rejects.toThrow(
      "password authentication failed",
    );

    await using other = await startPostgres();
    await ask(connectionString, "CREATE TABLE mine ()");
    await expect(ask(other.connectionString, "SELECT FROM mine")).rejects.toThrow("does not exist");

    const client = new Client({ connectionString });
    client.on("error", () => undefined);
    const ended = new Promise<void>((resolve) => client.once("end", () => resolve()));
    await client.connect();
    await Promise.all([postgres.stop(), postgres.stop(), ended]);

    expect(await isAlive(pid)).toBe(false);
    expect(await exists(home)).toBe(false);
    await expect(ask(connectionString, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
    expect(await ask(other.connectionString, "SELECT 1")).toEqual([[1]]);
  });

  it("goes with the process that started it, however that ends", async () => {
    const owner = spawn(process.execPath, ["--import", "tsx", "test/fixtures/owner.ts"], {
      cwd: PACKAGE,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(createInterface({ input: owner.stdout }), "line");
    const { pid, connectionString } = JSON.parse(String(line));
    const home = await homeOf(connectionString);
    expect(await exists(home)).toBe(true);

    owner.kill("SIGKILL");

    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
    await expect.poll(() => exists(home), { timeout: 10_000 }).toBe(false);
  });
});
