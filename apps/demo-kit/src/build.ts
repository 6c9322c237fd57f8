import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import { DemoError } from "./errors.ts";
import { colours, print } from "./terminal.ts";

/** What turbo says of a task that it does not have the result of. */
const MISS = "cache miss, executing";
const SAID_BY_BUILD = /^\S+:build: (?!cache )/;
const ARGUMENTS = ["run", "build", "--output-logs=new-only", "--log-order=stream"];

/**
 * Builds the package in that directory of the monorepo, and the packages that it needs. Says so if there is anything to build, and says nothing else unless that fails.
 * @throws DemoError after it has printed what the build says
 */
export async function buildPackage(root: string, directory: string, stop: AbortSignal): Promise<void> {
  const turbo = createRequire(join(root, "package.json")).resolve("turbo/bin/turbo");
  const child = spawn(process.execPath, [turbo, ...ARGUMENTS, `--filter={./${directory}}...`], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const relay = () => void child.kill();
  stop.addEventListener("abort", relay, { once: true });
  let output = "";
  const hear = (text: string) => {
    if (!output.includes(MISS) && (output + text).includes(MISS)) {
      print(colours.dim("building the demo ..."));
    }
    output += text;
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", hear);
  const [code] = await once(child, "close");
  stop.removeEventListener("abort", relay);
  stop.throwIfAborted();
  if (code === 0) return;
  const said = output.split("\n").filter((line) => SAID_BY_BUILD.test(line));
  // Without any such line, turbo itself has failed.
  process.stderr.write(said.length > 0 ? `${said.join("\n")}\n` : output);
  throw new DemoError("the demo cannot be built; what the build says is above");
}
