const asNode = (config) => ({ ...config, platform: "node" });

/**
 * What a user's bundle grows by: minified and gzipped, without what Node brings. The goal is 8 kB; the limit keeps it
 * from growing further: docs/adr/0006-size.md.
 */
const core = [
  ["ioredis", "ioredisBackend"],
  ["node-redis", "nodeRedisBackend"],
].map(([entry, name]) => ({
  name: `@lock/core with ${entry}`,
  import: {
    "packages/core/dist/index.js": "{ createLocks }",
    [`packages/core/dist/${entry}.js`]: `{ ${name} }`,
  },
  limit: "23 kB",
  gzip: true,
  modifyEsbuildConfig: asNode,
}));

/** Each adapter by itself: the core is its user's already. */
const adapters = [["express", "4 kB"]].map(([name, limit]) => ({
  name: `@lock/${name} without core`,
  path: `packages/${name}/dist/index.js`,
  limit,
  gzip: true,
  ignore: ["@lock/core"],
  modifyEsbuildConfig: asNode,
}));

module.exports = [...core, ...adapters];
