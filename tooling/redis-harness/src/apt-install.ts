import { run } from "./run.ts";

// In /run, where only root writes, rather than in a temp dir that everybody shares. The kernel drops a flock with
// its holder, so no lock of a crashed process is ever left to be detected.
const LOCK = "/run/lock-redis-harness.lock";

// invoke-rc.d and deb-systemd-invoke both ask policy-rc.d before they start a daemon; 101 means "forbidden".
// A policy that is already there is somebody's decision and stays as it is.
// One broken third-party source fails the update without harm to the install, whose own failure is what counts.
const SCRIPT = `
set -e
if [ -x /usr/bin/redis-server ]; then exit 0; fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
apt-get -o DPkg::Lock::Timeout=120 update || echo "apt-get update failed, trying to install all the same"
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends redis-server
`;

let installing: Promise<string> | undefined;

/** Installs Debian's redis-server without starting its service; resolves with apt-get's output. */
export function installWithApt(): Promise<string> {
  installing ??= install().finally(() => {
    installing = undefined;
  });
  return installing;
}

async function install(): Promise<string> {
  process.stderr.write("redis-server not found: installing it with apt-get (Debian package redis-server)\n");
  const env = {
    ...process.env,
    DEBIAN_FRONTEND: "noninteractive",
    // dpkg refuses to work when the sbin directories are not on PATH.
    PATH: `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  };
  // Several test processes may find it missing at once: the first installs, the others wait and then see it.
  const { ok, output } = await run("/usr/bin/flock", ["-w", "600", LOCK, "/bin/sh", "-c", SCRIPT], { env });
  if (!ok) {
    throw new Error(
      `redis-server not found, and installing it failed (apt-get install redis-server). Name an executable in REDIS_SERVER or install it by hand.\n${output}`,
    );
  }
  return output;
}
