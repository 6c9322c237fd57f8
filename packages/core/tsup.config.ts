import { defineConfig } from "tsup";
import { dts } from "../../tsup.types.ts";
import { luaForEsbuild } from "./lua.ts";

export default defineConfig({
  entry: [
    "src/index.ts",
    "src/in-process.ts",
    "src/ioredis.ts",
    "src/node-redis.ts",
    "src/quorum.ts",
    "src/adapter.ts",
    "src/health.ts",
    "src/env.ts",
    "src/testing.ts",
  ],
  format: ["esm", "cjs"],
  target: "node20",
  platform: "node",
  dts,
  clean: true,
  splitting: true,
  sourcemap: false,
  removeNodeProtocol: false,
  esbuildPlugins: [luaForEsbuild],
});
