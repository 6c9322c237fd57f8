import { readFileSync } from "node:fs";

/** A Lua source as it is shipped and run: without comments and indentation, which every server would hash. */
function shipped(lua: string): string {
  const lines = lua.split("\n").map((line) => line.replace(/^\s*--.*$/, "").trim());
  return lines.filter((line) => line !== "").join("\n");
}

/** Lets tsup (esbuild) import `.lua` files as text. */
export const luaForEsbuild = {
  name: "lua",
  setup(build: {
    onLoad(
      options: { filter: RegExp },
      load: (file: { path: string }) => { contents: string; loader: "text" },
    ): void;
  }): void {
    build.onLoad({ filter: /\.lua$/ }, ({ path }) => ({
      contents: shipped(readFileSync(path, "utf8")),
      loader: "text",
    }));
  },
};

/** Lets vitest (vite) import `.lua` files as text. */
export const luaForVite = {
  name: "lua",
  enforce: "pre" as const,
  transform(code: string, file: string): string | undefined {
    return file.endsWith(".lua") ? `export default ${JSON.stringify(shipped(code))};` : undefined;
  },
};
