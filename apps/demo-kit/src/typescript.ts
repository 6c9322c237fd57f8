import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/** Arguments for node that let it run TypeScript, from whatever directory it is started in. */
export function typescriptArguments(): string[] {
  const loader = createRequire(import.meta.url).resolve("tsx");
  return ["--import", pathToFileURL(loader).href];
}
