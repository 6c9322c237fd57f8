/** The house rules of docs/architecture.md, enforced: everything flows one way. Type imports count. */
module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "leaves-import-nothing-above",
      comment: "backend, clock, host, errors, what they show, and timing are the ground: only each other",
      severity: "error",
      from: {
        path: "^packages/core/src/(backend|clock|errors|host|redaction|show|stop|timing|unexplained)\\.ts$",
      },
      to: {
        path: "^packages/core/src/",
        pathNot:
          "^packages/core/src/(backend|clock|errors|host|redaction|show|stop|timing|unexplained)\\.ts$",
      },
    },
    {
      name: "backends-know-no-locks",
      comment: "a backend grants leases; who acquires, waits and renews is above it",
      severity: "error",
      from: { path: "^packages/core/src/backends/" },
      to: { path: "^packages/core/src/(locks|acquire|lease|patience|events|index)\\.ts$" },
    },
    {
      name: "backends-do-not-know-each-other",
      severity: "error",
      from: { path: "^packages/core/src/backends/([^/]+)/" },
      to: { path: "^packages/core/src/backends/", pathNot: "^packages/core/src/backends/$1/" },
    },
    {
      name: "only-drivers-know-clients",
      comment: "client types are structural: core imports no client library, not even its types",
      severity: "error",
      from: { path: "^packages/core/src/" },
      to: { dependencyTypes: ["npm", "npm-dev", "npm-peer", "npm-optional"] },
    },
    {
      name: "drivers-know-only-the-port",
      severity: "error",
      from: { path: "^packages/core/src/backends/redis/drivers/" },
      to: {
        path: "^packages/core/src/",
        pathNot: "^packages/core/src/(errors|show)\\.ts$|redis/driver\\.ts$|redis/drivers/",
      },
    },
    {
      name: "product-does-not-import-tests",
      severity: "error",
      from: { path: "^packages/core/src/", pathNot: "^packages/core/src/testing(/|\\.ts$)" },
      to: { path: "^packages/core/src/testing(/|\\.ts$)" },
    },
    {
      name: "adapters-use-public-entries",
      comment: "other packages, apps and benchmarks import @lock/core by its entry points only",
      severity: "error",
      from: { path: "^(packages|apps|bench|tooling|regressions)/", pathNot: "^packages/core/|^vitest" },
      to: { path: "^packages/core/(src|test)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(dist|node_modules)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types"],
      extensions: [".ts", ".js", ".mjs", ".lua"],
    },
  },
};
