import { defineConfig } from "tsup";
import { dts } from "../../tsup.types.ts";

export default defineConfig({
  entry: ["src/index.ts", "src/idempotent.ts", "src/testing.ts"],
  format: ["esm", "cjs"],
  target: "node20",
  platform: "node",
  dts,
  clean: true,
  // Both entries must share what they remember of a response.
  splitting: true,
  sourcemap: false,
  removeNodeProtocol: false,
});
