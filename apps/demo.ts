import { fileURLToPath } from "node:url";
import { launch } from "./demo-kit/src/launcher.ts";

// `pnpm demo [name] [...arguments]`
await launch(fileURLToPath(new URL(".", import.meta.url)), process.argv.slice(2));
