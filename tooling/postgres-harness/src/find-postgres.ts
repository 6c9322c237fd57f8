import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  canInstallWithApt,
  type InstallCommands,
  installCommand,
  installWithApt,
  isExecutable,
  run,
  searchPath,
} from "@lock/redis-harness/host";

const NAMES = ["initdb", "postgres"];
/** Debian puts each major in a directory of its own, and none of them on PATH. */
const DEBIAN = "/usr/lib/postgresql";

const COMMANDS: InstallCommands = {
  byDistribution: [
    ["debian", "sudo apt-get install postgresql"],
    ["ubuntu", "sudo apt-get install postgresql"],
    ["fedora", "sudo dnf install postgresql-server"],
    ["rhel", "sudo dnf install postgresql-server"],
    ["alpine", "sudo apk add postgresql"],
    ["arch", "sudo pacman -S postgresql"],
    ["suse", "sudo zypper install postgresql-server"],
  ],
  darwin: "brew install postgresql",
  win32: "wsl --install   (the harness stops servers with Unix signals: work inside WSL)",
  otherwise: "your package manager: the package is called postgresql or postgresql-server",
};

/**
 * The directory of the `initdb` and `postgres` to use: `POSTGRES_BIN`, else one on PATH, else Debian's newest, else, as
 * root on Debian or Ubuntu only, the distribution's package, installed on the spot.
 */
export async function findPostgres(): Promise<string> {
  const named = process.env.POSTGRES_BIN;
  if (named) return checkNamed(named);

  const found = await firstUsable([...searchPath(), ...(await debianDirectories())]);
  if (found !== undefined) return found;

  if (!(await canInstallWithApt())) {
    throw new Error(
      `initdb and postgres not found on PATH or in ${DEBIAN}/*/bin. Install them with:\n\n  ${await installCommand(COMMANDS)}\n\nor name their directory in POSTGRES_BIN.`,
    );
  }
  const report = await installWithApt("postgresql", "POSTGRES_BIN", `${DEBIAN}/*/bin/postgres`);

  const installed = await firstUsable(await debianDirectories());
  if (installed !== undefined) return installed;
  throw new Error(
    `apt-get installed postgresql, yet there is no initdb and postgres that run in ${DEBIAN}/*/bin; name their directory in POSTGRES_BIN.\n${report}`,
  );
}

async function checkNamed(directory: string): Promise<string> {
  const problem = await whyNotPostgres(directory);
  if (problem === undefined) return directory;
  throw new Error(
    `POSTGRES_BIN is set to "${directory}", which is no directory of initdb and postgres: ${problem}`,
  );
}

async function firstUsable(directories: readonly string[]): Promise<string | undefined> {
  for (const directory of directories) {
    const there = await Promise.all(NAMES.map((name) => isExecutable(join(directory, name))));
    if (there.every(Boolean) && (await whyNotPostgres(directory)) === undefined) return directory;
  }
  return undefined;
}

async function whyNotPostgres(directory: string): Promise<string | undefined> {
  for (const name of NAMES) {
    const { ok, output } = await run(join(directory, name), ["--version"], { timeoutMs: 10_000 });
    if (!ok) return output;
    if (!output.includes("(PostgreSQL)"))
      return `the --version of its ${name} says "${output.slice(0, 200)}"`;
  }
  return undefined;
}

/** Newest first. */
async function debianDirectories(): Promise<string[]> {
  const majors = await readdir(DEBIAN).catch(() => []);
  return majors.sort((a, b) => Number(b) - Number(a)).map((major) => join(DEBIAN, major, "bin"));
}
