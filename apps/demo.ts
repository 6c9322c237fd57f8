import { fileURLToPath } from "node:url";
import { buildPackages } from "./demo-kit/src/build.ts";
import { launch } from "./demo-kit/src/launcher.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

// `pnpm demo [name] [...arguments]`, which says --build first; without it the packages have to be built.
const [first, ...rest] = process.argv.slice(2);
const isToBuild = first === "--build";
await launch(
  fileURLToPath(new URL(".", import.meta.url)),
  isToBuild ? rest : process.argv.slice(2),
  async (stop) => {
    if (isToBuild) await buildPackages(root, stop);
  },
);
