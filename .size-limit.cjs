const asNode = (config) => ({ ...config, platform: "node" });

/** What a user's bundle grows by: minified and gzipped, without what Node brings. */
module.exports = [
  ["ioredis", "ioredisBackend"],
  ["node-redis", "nodeRedisBackend"],
].map(([entry, name]) => ({
  name: `@lock/core with ${entry}`,
  import: {
    "packages/core/dist/index.js": "{ createLocks }",
    [`packages/core/dist/${entry}.js`]: `{ ${name} }`,
  },
  limit: "8 kB",
  gzip: true,
  modifyEsbuildConfig: asNode,
}));
