// Runs as a process of its own. Its stdin is a pipe from the harness, which the kernel closes however the harness
// ends, SIGKILL included: that end is the signal to clean up. Plain JavaScript, since Node 20 runs no TypeScript.
import { execFileSync } from "node:child_process";
import { existsSync, readlinkSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";

/** @type {Map<string, { home: string, pid?: number, port?: number, signal?: NodeJS.Signals }>} */
const guarded = new Map();

/** A pid may have been reused since we were told about it: only a server of ours lives in the home we were told. */
function isStillOurs({ home, pid, port }) {
  try {
    if (existsSync("/proc/self/cwd")) return readlinkSync(`/proc/${pid}/cwd`).startsWith(home);
    const command = execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" });
    return command.includes(String(port));
  } catch {
    return false;
  }
}

function cleanUp() {
  for (const entry of guarded.values()) {
    if (entry.pid === undefined || !isStillOurs(entry)) continue;
    try {
      process.kill(entry.pid, entry.signal ?? "SIGKILL");
      // A process that is stopped takes no signal but SIGKILL before it is resumed.
      process.kill(entry.pid, "SIGCONT");
    } catch {
      // It ended by itself in the meantime.
    }
  }
  for (const { home } of guarded.values()) {
    try {
      rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    } catch {
      // Nobody is left to be told, and the other homes still have to go.
    }
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { release, ...entry } = JSON.parse(line);
  if (release) guarded.delete(entry.home);
  else guarded.set(entry.home, entry);
});
lines.on("close", cleanUp);
process.stdin.on("error", () => lines.close());
