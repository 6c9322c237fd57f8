import { defineConfig } from "tsup";
import { dts } from "../../tsup.types.ts";

export default defineConfig({
  entry: ["src/index.ts", "src/redis.ts"],
  format: ["esm", "cjs"],
  target: "node20",
  platform: "node",
  dts,
  clean: true,
  // Both entries must share the turns that they know of.
  splitting: true,
  sourcemap: false,
  removeNodeProtocol: false,
});
