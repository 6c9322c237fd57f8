import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { useRedis } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";

const run = promisify(execFile);
const redis = useRedis();
const place = fileURLToPath(new URL(".", import.meta.url));
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");

interface Report {
  readonly testResults: {
    readonly assertionResults: { readonly fullName: string; readonly status: string }[];
  }[];
}

/** What came of each test of the suite, in its order. */
async function validate(locked: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "lock-validation-"));
  try {
    const file = join(folder, "report.json");
    const { VITEST: _, ...env } = process.env;
    const args = [vitest, "run", "--root", place, "--reporter=json", `--outputFile=${file}`];
    // It fails where a test does: what counts is which.
    await run(process.execPath, args, {
      cwd: place,
      env: { ...env, REDIS_URL: redis.url, LOCKED: locked },
    }).catch(() => undefined);
    const { testResults }: Report = JSON.parse(await readFile(file, "utf8"));
    return testResults.flatMap(({ assertionResults }) =>
      assertionResults.map(({ fullName, status }) => `${status}: ${fullName}`),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

it("LangGraph's validation suite has the same result with and without the locks", async () => {
  const raw = await validate("");
  const locked = await validate("yes");
  console.log(`${raw.length} tests, ${raw.filter((result) => result.startsWith("passed")).length} passed`);
  expect(raw.length).toBeGreaterThan(700);
  expect(raw.filter((result) => result.startsWith("passed")).length).toBeGreaterThan(700);
  expect(locked).toEqual(raw);
}, 240_000);
