import { readFile } from "node:fs/promises";
import { isOnPath } from "./executables.ts";

/** The commands with which a person installs a server. */
export interface InstallCommands {
  readonly byDistribution: ReadonlyArray<readonly [id: string, command: string]>;
  readonly darwin: string;
  readonly win32: string;
  /** Follows "Install it with". */
  readonly otherwise: string;
}

/** The one of them that fits this system. */
export async function installCommand(commands: InstallCommands): Promise<string> {
  if (process.platform === "darwin") return commands.darwin;
  if (process.platform === "win32") return commands.win32;
  const ids = await distributionIds();
  const known = commands.byDistribution.find(([id]) => ids.includes(id));
  return known?.[1] ?? commands.otherwise;
}

/** Whether this is Debian, Ubuntu or one of their descendants. */
async function isDebianLike(): Promise<boolean> {
  const ids = await distributionIds();
  return ids.includes("debian") || ids.includes("ubuntu");
}

/** Whether `installWithApt` can work here. */
export async function canInstallWithApt(): Promise<boolean> {
  return process.geteuid?.() === 0 && (await isDebianLike()) && (await isOnPath("apt-get"));
}

async function distributionIds(): Promise<string[]> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return [...text.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap(([, ids = ""]) => ids.split(/[\s-]+/));
}
