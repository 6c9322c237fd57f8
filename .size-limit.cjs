const asNode = (config) => ({ ...config, platform: "node" });

/**
 * What a user's bundle grows by: minified and gzipped, without what Node brings. The goal is 8 kB; the limit keeps it
 * from growing further: docs/adr/0006-size.md.
 */
const core = [
  ["ioredis", "ioredisBackend", "38.9 kB"],
  ["node-redis", "nodeRedisBackend", "39.2 kB"],
].map(([entry, name, limit]) => ({
  name: `@lock/core with ${entry}`,
  import: {
    "packages/core/dist/index.js": "{ createLocks }",
    [`packages/core/dist/${entry}.js`]: `{ ${name} }`,
  },
  limit,
  gzip: true,
  modifyEsbuildConfig: asNode,
}));

/** What is of use beside the locks, by itself. */
const aside = [
  ["quorum", "quorumBackend", "12.9 kB"],
  ["health", "checkHealth", "9.7 kB"],
  ["env", "readRedisEnv", "4.3 kB"],
].map(([entry, name, limit]) => ({
  name: `@lock/core (${entry})`,
  import: { [`packages/core/dist/${entry}.js`]: `{ ${name} }` },
  limit,
  gzip: true,
  modifyEsbuildConfig: asNode,
}));

/** Each adapter by itself: the core is its user's already. As ESM: as CommonJS, the bundler's own helpers would count. */
const adapters = [
  ["express", "index", "6.1 kB"],
  ["express", "idempotent", "9.1 kB"],
  ["bullmq", "index", "8.4 kB"],
  ["memory", "index", "6.5 kB", "{ lockMemory }"],
  ["memory", "redis", "3.9 kB", "{ redisMemory }"],
].map(([name, entry, limit, imported]) => ({
  name: `@lock/${name} (${entry}) without core`,
  path: `packages/${name}/dist/${entry}.js`,
  ...(imported && { import: imported }),
  limit,
  gzip: true,
  ignore: ["@lock/core"],
  modifyEsbuildConfig: (config) => ({ ...asNode(config), format: "esm" }),
}));

module.exports = [...core, ...aside, ...adapters];
