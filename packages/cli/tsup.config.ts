import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/main.ts", "src/run/watcher.ts"],
  format: ["esm"],
  target: "node20",
  platform: "node",
  outDir: "dist",
  clean: true,
  // Both are programs of their own: the watcher is to load little.
  splitting: false,
  sourcemap: false,
  removeNodeProtocol: false,
});
