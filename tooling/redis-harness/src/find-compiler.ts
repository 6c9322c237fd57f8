import { installWithApt } from "./apt-install.ts";
import { isExecutable, searchPath } from "./executables.ts";
import { canInstallWithApt, type InstallCommands, installCommand } from "./host-system.ts";

const NAMES = ["cc", "gcc", "clang"];

const COMMANDS: InstallCommands = {
  byDistribution: [
    ["debian", "sudo apt-get install build-essential"],
    ["ubuntu", "sudo apt-get install build-essential"],
    ["fedora", "sudo dnf install gcc"],
    ["rhel", "sudo dnf install gcc"],
    ["alpine", "sudo apk add build-base"],
    ["arch", "sudo pacman -S gcc"],
    ["suse", "sudo zypper install gcc"],
  ],
  darwin: "xcode-select --install",
  win32: "wsl --install   (work inside WSL)",
  otherwise: "your package manager: the package is called gcc or clang",
};

/** A C compiler: `CC`, else one on PATH, else, as root on Debian or Ubuntu only, the distribution's, installed on the spot. */
export async function findCompiler(): Promise<string> {
  const named = process.env.CC;
  if (named) return named;
  const found = await firstOnPath();
  if (found !== undefined) return found;
  if (!(await canInstallWithApt())) {
    throw new Error(
      `no C compiler (${NAMES.join(", ")}) on PATH. Install one with:\n\n  ${await installCommand(COMMANDS)}\n\nor name it in CC.`,
    );
  }
  await installWithApt("build-essential", "CC", "/usr/bin/cc");
  return "/usr/bin/cc";
}

async function firstOnPath(): Promise<string | undefined> {
  for (const name of NAMES) {
    for (const directory of searchPath()) {
      if (await isExecutable(`${directory}/${name}`)) return `${directory}/${name}`;
    }
  }
  return undefined;
}
