import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { findPostgres } from "../src/index.ts";

let directory: string;
beforeAll(async () => {
  directory = await findPostgres();
}, 600_000);

describe("findPostgres", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it("takes POSTGRES_BIN at its word, and names it when it is no such directory", async () => {
    vi.stubEnv("POSTGRES_BIN", directory);
    vi.stubEnv("PATH", "/nowhere");
    expect(await findPostgres()).toBe(directory);

    vi.stubEnv("POSTGRES_BIN", "/nowhere");
    await expect(findPostgres()).rejects.toThrow(/POSTGRES_BIN.*"\/nowhere".*ENOENT/);
  });
});
