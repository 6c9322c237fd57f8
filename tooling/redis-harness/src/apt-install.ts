import { run } from "./run.ts";

// In /run, where only root writes, rather than in a temp dir that everybody shares. The kernel drops a flock with
// its holder, so no lock of a crashed process is ever left to be detected.
const LOCK = "/run/lock-redis-harness.lock";

// invoke-rc.d and deb-systemd-invoke both ask policy-rc.d before they start a daemon; 101 means "forbidden".
// A policy that is already there is somebody's decision and stays as it is.
// $2 is a pattern: unquoted, it becomes the files that it fits.
// One broken third-party source fails the update without harm to the install, whose own failure is what counts.
const SCRIPT = `
set -e
for file in $2; do
  if [ -x "$file" ]; then exit 0; fi
done
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
apt-get -o DPkg::Lock::Timeout=120 update || echo "apt-get update failed, trying to install all the same"
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$1"
`;

const installing = new Map<string, Promise<string>>();

/**
 * Installs a Debian package without starting its service; resolves with apt-get's output. `variable` is the one that may
 * say instead where it is. `executable` is what the package brings, a path or a shell pattern: where it is there
 * already, nothing is installed.
 */
export function installWithApt(
  name: string,
  variable: string,
  executable = `/usr/bin/${name}`,
): Promise<string> {
  const begin = () => install(name, variable, executable).finally(() => installing.delete(name));
  const running = installing.get(name) ?? begin();
  installing.set(name, running);
  return running;
}

async function install(name: string, variable: string, executable: string): Promise<string> {
  process.stderr.write(`${name} not found: installing it with apt-get (Debian package ${name})\n`);
  const env = {
    ...process.env,
    DEBIAN_FRONTEND: "noninteractive",
    // dpkg refuses to work when the sbin directories are not on PATH.
    PATH: `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  };
  // Several test processes may find it missing at once: the first installs, the others wait and then see it.
  const command = ["-w", "600", LOCK, "/bin/sh", "-c", SCRIPT, "install", name, executable];
  const { ok, output } = await run("/usr/bin/flock", command, { env });
  if (!ok) {
    throw new Error(
      `${name} not found, and installing it failed (apt-get install ${name}). Say in ${variable} where it is, or install it by hand.\n${output}`,
    );
  }
  return output;
}
