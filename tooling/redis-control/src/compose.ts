import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { run } from "@lock/redis-harness/host";

const FILE = fileURLToPath(new URL("../../../docker-compose.yml", import.meta.url));
/** The nodes of the quorum are services of a profile; it takes part in what is done to all. */
const PROJECT = ["compose", "--file", FILE, "--profile", "quorum"];
const ANSWER_WITHIN_MS = 10_000;

/** Whether there is Docker with Compose, and an engine that answers it. */
export async function hasCompose(): Promise<boolean> {
  return (await run("docker", ["compose", "ls"], { timeoutMs: ANSWER_WITHIN_MS })).ok;
}

/** Whether there are containers of ours. */
export async function hasContainers(): Promise<boolean> {
  if (!(await hasCompose())) return false;
  const { ok, output } = await run("docker", [...PROJECT, "ps", "--all", "--quiet"], {
    timeoutMs: ANSWER_WITHIN_MS,
  });
  return ok && output !== "";
}

/** Lets Docker Compose do something, and say so itself. Resolves with its exit code. */
export function compose(...words: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("docker", [...PROJECT, ...words], { stdio: "inherit" });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
