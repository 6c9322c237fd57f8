import { readFile } from "node:fs/promises";
import { relative, sep } from "node:path";
import { defineConfig, type Options } from "tsup";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

const OUT = "dist";

/** What a source has beside it, such as a page or a shell script, is beside it for its bundle as well. */
const besideSources: Plugin = {
  name: "beside-sources",
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = JSON.stringify(relative(OUT, path).replaceAll(sep, "/"));
      const text = await readFile(path, "utf8");
      return {
        loader: "ts",
        contents: text.replaceAll("import.meta.url", `new URL(${source}, import.meta.url).href`),
      };
    });
  },
};

/** Of every demo, which names its processes: in one piece each of them starts much faster. */
export default defineConfig({
  format: ["esm"],
  target: "node20",
  platform: "node",
  outDir: OUT,
  clean: true,
  sourcemap: false,
  removeNodeProtocol: false,
  noExternal: [/./],
  esbuildPlugins: [besideSources],
  // For what is bundled of CommonJS, such as ioredis.
  banner: {
    js: 'import { createRequire as ofBundle } from "node:module"; const require = ofBundle(import.meta.url);',
  },
  esbuildOptions(options) {
    options.logOverride = { "ignored-bare-import": "silent" };
  },
});
