import { packedSuite } from "@lock/packed-suite";
import { useRedis } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";
import { useConsumers } from "../support/consumers.ts";
import { root } from "../support/repository.ts";
import { copySnippet, firstSnippet, published, runSnippet } from "../support/snippet.ts";

// What is published is tested in one file: the compiler reads once what the packages and the snippets share.
const consumers = useConsumers();
const redis = useRedis();

const core = `${root}packages/core`;

/** Packages by the names that their users know them by, where nothing else is installed beside them. */
const asNamed = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, name]));

/** A package that needs the core, and whose pages of help are packed. */
const adapter = (name: string) => ({ root: `${root}packages/${name}`, ours: [core], alsoPacked: ["help"] });

packedSuite(consumers, [
  {
    title: "core",
    root: core,
    installed: asNamed("ioredis", "ioredis5", "iovalkey", "redis", "redis5"),
  },
  {
    title: "express, with Express 4",
    ...adapter("express"),
    installed: {
      ...asNamed("ioredis", "redis"),
      express4: "express",
      "@types/express4": "@types/express",
    },
  },
  {
    title: "express, with Express 5",
    ...adapter("express"),
    installed: asNamed("ioredis", "redis", "express", "@types/express"),
  },
  {
    title: "bullmq, with BullMQ 5",
    ...adapter("bullmq"),
    installed: { ...asNamed("ioredis"), bullmq5: "bullmq" },
  },
  {
    title: "bullmq, with BullMQ 6",
    ...adapter("bullmq"),
    installed: asNamed("ioredis", "bullmq"),
  },
  {
    title: "memory",
    ...adapter("memory"),
    installed: asNamed(
      "@langchain/core",
      "@langchain/langgraph-checkpoint",
      "@openai/agents-core",
      "ioredis",
      "redis",
    ),
  },
  {
    title: "otel",
    root: `${root}packages/otel`,
    ours: [core],
    installed: asNamed("@opentelemetry/api", "ioredis"),
  },
]);

const readmes = ["README.md", ...published.map((name) => `packages/${name}/README.md`)];

/** CommonJS has no `await` outside of functions, which snippets have: under node10 the output is ESM, too. */
const RESOLUTIONS = [
  { module: "Node16", moduleResolution: "Node16" },
  { module: "ESNext", moduleResolution: "Bundler" },
  { module: "ESNext", moduleResolution: "Node10", ignoreDeprecations: "6.0" },
];
const STRICT = { target: "ES2022", types: ["node"], strict: true, skipLibCheck: true, noEmit: true };

/** Copied into an empty project with what it imports. */
async function complaintOf(name: string, code: string): Promise<string> {
  return runSnippet(await copySnippet(consumers(), name, code), code, redis.server);
}

const projectOf = (readme: string) => readme.replaceAll("/", "-");

it.each(readmes)("the first snippet of %s runs as it stands", async (readme) => {
  expect(await complaintOf(projectOf(readme), firstSnippet(readme))).toBe("");
});

it.each(RESOLUTIONS)(
  "the first snippets of all READMEs compile as they stand: $moduleResolution",
  (resolution) => {
    const snippets = readmes.map((readme) => `${projectOf(readme)}/snippet.ts`);
    expect(consumers().typeCheck(snippets, { ...STRICT, ...resolution })).toBe("");
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
])("a snippet that $what is seen to", async ({ what, code, fault }) => {
  expect(await complaintOf(what.replaceAll(" ", "-"), code)).toMatch(fault);
});
