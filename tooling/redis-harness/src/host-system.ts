import { readFile } from "node:fs/promises";

const BY_DISTRIBUTION: ReadonlyArray<readonly [id: string, command: string]> = [
  ["debian", "sudo apt-get install redis-server"],
  ["ubuntu", "sudo apt-get install redis-server"],
  ["fedora", "sudo dnf install valkey"],
  ["rhel", "sudo dnf install redis"],
  ["alpine", "sudo apk add redis"],
  ["arch", "sudo pacman -S valkey"],
  ["suse", "sudo zypper install redis"],
];

/** The one command with which a person installs redis-server on this system. */
export async function installCommand(): Promise<string> {
  if (process.platform === "darwin") return "brew install redis";
  if (process.platform === "win32") return "wsl --install   (Redis has no Windows build: work inside WSL)";
  const ids = await distributionIds();
  const known = BY_DISTRIBUTION.find(([id]) => ids.includes(id));
  return known?.[1] ?? "your package manager: the package is called redis, redis-server or valkey";
}

/** Whether this is Debian, Ubuntu or one of their descendants. */
export async function isDebianLike(): Promise<boolean> {
  const ids = await distributionIds();
  return ids.includes("debian") || ids.includes("ubuntu");
}

async function distributionIds(): Promise<string[]> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return [...text.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap(([, ids = ""]) => ids.split(/[\s-]+/));
}
