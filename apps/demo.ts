import { fileURLToPath } from "node:url";
import { buildPackage } from "./demo-kit/src/build.ts";
import { launch } from "./demo-kit/src/launcher.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

// `pnpm demo [name] [...arguments]`, which says --build first; without it the demo has to be built.
const [first, ...rest] = process.argv.slice(2);
const isToBuild = first === "--build";
await launch(
  fileURLToPath(new URL(".", import.meta.url)),
  isToBuild ? rest : process.argv.slice(2),
  async ({ name }, stop) => {
    if (isToBuild) await buildPackage(root, `apps/${name}`, stop);
  },
);
