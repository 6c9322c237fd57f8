/** What each layer of the core may import beside itself. */
const LAYERS = {
  contract: [],
  lease: ["contract"],
  api: ["contract", "lease"],
  backends: ["contract"],
  adapter: ["contract"],
};

const layers = Object.entries(LAYERS).map(([layer, below]) => ({
  name: `${layer}-stands-on-${below.join("-and-") || "nothing"}`,
  severity: "error",
  from: { path: `^packages/core/src/${layer}/` },
  to: { path: "^packages/core/src/", pathNot: `^packages/core/src/(${[layer, ...below].join("|")})/` },
}));

/** The house rules of docs/architecture.md, enforced: everything flows one way. Type imports count. */
module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    ...layers,
    {
      name: "entries-are-the-top",
      comment: "entry points name what users import; nothing inside imports them",
      severity: "error",
      from: { path: "^packages/core/src/" },
      to: { path: "^packages/core/src/[^/]+\\.ts$" },
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
        pathNot: "^packages/core/src/contract/(errors|show)\\.ts$|redis/driver\\.ts$|redis/drivers/",
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
