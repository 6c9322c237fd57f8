import { join } from "node:path";
import { installWithApt } from "./apt-install.ts";
import { isExecutable, searchPath } from "./executables.ts";
import { canInstallWithApt, type InstallCommands, installCommand } from "./host-system.ts";
import { run } from "./run.ts";

const NAMES = ["redis-server", "valkey-server"];

const COMMANDS: InstallCommands = {
  byDistribution: [
    ["debian", "sudo apt-get install redis-server"],
    ["ubuntu", "sudo apt-get install redis-server"],
    ["fedora", "sudo dnf install valkey"],
    ["rhel", "sudo dnf install redis"],
    ["alpine", "sudo apk add redis"],
    ["arch", "sudo pacman -S valkey"],
    ["suse", "sudo zypper install redis"],
  ],
  darwin: "brew install redis",
  win32: "wsl --install   (Redis has no Windows build: work inside WSL)",
  otherwise: "your package manager: the package is called redis, redis-server or valkey",
};

/**
 * The redis-server executable to use: `REDIS_SERVER`, else redis-server or valkey-server on PATH, else, as root
 * on Debian or Ubuntu only, the distribution's package, installed on the spot.
 */
export async function findRedisServer(): Promise<string> {
  const named = process.env.REDIS_SERVER;
  if (named) return checkNamed(named);

  const found = await lookOnPath(searchPath());
  if (found !== undefined) return found;

  if (!(await canInstallWithApt())) {
    throw new Error(
      `redis-server not found on PATH. Install it with:\n\n  ${await installCommand(COMMANDS)}\n\nor name an executable in REDIS_SERVER.`,
    );
  }
  const report = await installWithApt("redis-server", "REDIS_SERVER");

  // The package puts it in /usr/bin, which a stripped-down PATH may lack.
  const installed = await lookOnPath([...searchPath(), "/usr/bin"]);
  if (installed !== undefined) return installed;
  throw new Error(
    `apt-get installed redis-server, yet no redis-server that runs is on PATH or in /usr/bin; name one in REDIS_SERVER.\n${report}`,
  );
}

async function checkNamed(path: string): Promise<string> {
  const problem = await whyNotRedis(path);
  if (problem === undefined) return path;
  throw new Error(`REDIS_SERVER is set to "${path}", which cannot be run as a redis-server: ${problem}`);
}

async function lookOnPath(directories: readonly string[]): Promise<string | undefined> {
  for (const name of NAMES) {
    for (const directory of directories) {
      const path = join(directory, name);
      if ((await isExecutable(path)) && (await whyNotRedis(path)) === undefined) return path;
    }
  }
  return undefined;
}

/** Executables that were asked and are servers: a test process starts hundreds of them. */
const servers = new Set<string>();

async function whyNotRedis(path: string): Promise<string | undefined> {
  if (servers.has(path)) return undefined;
  const { ok, output } = await run(path, ["--version"], { timeoutMs: 10_000 });
  if (!ok) return output;
  if (!/server v=/i.test(output)) return `its --version says "${output.slice(0, 200)}"`;
  servers.add(path);
  return undefined;
}
