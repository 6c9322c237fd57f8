import { defineConfig } from "tsup";
import { dts } from "../../tsup.types.ts";

export default defineConfig({
  entry: ["src/index.ts"],
  format: ["esm", "cjs"],
  target: "node20",
  platform: "node",
  dts,
  clean: true,
  sourcemap: false,
  removeNodeProtocol: false,
});
