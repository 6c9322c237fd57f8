import { useRedis } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";
import { copySnippet, firstSnippet, published, runSnippet } from "./support/snippet.ts";

/** READMEs whose first snippet does not stand on its own yet. The test of each fails once it does: take it out then. */
const NOT_YET: readonly string[] = [];

const readmes = ["README.md", ...published.map((name) => `packages/${name}/README.md`)];

/** CommonJS has no `await` outside of functions, which snippets have: under node10 the output is ESM, too. */
const RESOLUTIONS = [
  { module: "Node16", moduleResolution: "Node16" },
  { module: "ESNext", moduleResolution: "Bundler" },
  { module: "ESNext", moduleResolution: "Node10", ignoreDeprecations: "6.0" },
];
const STRICT = { target: "ES2022", types: ["node"], strict: true, skipLibCheck: true, noEmit: true };

const redis = useRedis();

/** What is wrong with the first snippet of a README, copied into an empty folder with what it imports. */
async function faultsOf(readme: string): Promise<readonly string[]> {
  const code = firstSnippet(readme);
  await using consumer = await copySnippet(code);
  const faults = [];
  for (const resolution of RESOLUTIONS) {
    const said = await consumer.typeCheck(["snippet.ts"], { ...STRICT, ...resolution });
    if (said !== "") faults.push(`${resolution.moduleResolution}: ${said}`);
  }
  const complaint = await runSnippet(consumer, code, redis.server);
  return complaint === "" ? faults : [...faults, `run: ${complaint}`];
}

it.each(readmes.filter((readme) => !NOT_YET.includes(readme)))(
  "the first snippet of %s runs and compiles as it stands",
  { timeout: 300_000 },
  async (readme) => {
    expect(await faultsOf(readme)).toEqual([]);
  },
);

it.each(NOT_YET)(
  "the first snippet of %s does not stand on its own yet",
  { timeout: 300_000 },
  async (readme) => {
    const faults = await faultsOf(readme);
    expect(faults, `the first snippet of ${readme} runs and compiles: take it off NOT_YET`).not.toEqual([]);
  },
);

const connects = `import { Redis } from "ioredis";
const redis = new Redis();
await redis.ping();
`;

it.each([
  {
    what: "throws",
    code: `${connects}throw new Error("no order");`,
    fault: /^it ended before its last line.*no order/s,
  },
  { what: "has no Redis", code: "export {};", fault: /^it never connected to Redis/ },
  { what: "leaves a rejection", code: `${connects}void Promise.reject(new Error("left"));`, fault: /left/ },
  {
    what: "imports what is not there",
    code: 'import "@lock/core/nothing";',
    fault: /ERR_PACKAGE_PATH_NOT_EXPORTED/,
  },
  { what: "works", code: connects, fault: /^$/ },
])("a snippet that $what is seen to", async ({ code, fault }) => {
  await using consumer = await copySnippet(code);
  expect(await runSnippet(consumer, code, redis.server)).toMatch(fault);
});
