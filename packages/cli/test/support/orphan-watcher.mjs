// Starts a command and a watcher for it, as lock run does, and is gone before the watcher is up. Prints the group.
import { spawn } from "node:child_process";
import { writeSync } from "node:fs";

const [watcher] = process.argv.slice(2);
const command = spawn("sh", ["-c", "while :; do sleep 0.05; done"], { detached: true, stdio: "ignore" });
const told = {
  group: command.pid,
  grace: 500,
  margin: 300,
  deadline: { left: 60_000, mono: Number(process.hrtime.bigint()) / 1e6, wall: Date.now() },
};
spawn(process.execPath, [watcher], {
  stdio: ["pipe", "pipe", "ignore"],
  detached: true,
  env: { LOCK_TOLD: JSON.stringify(told) },
});
writeSync(1, `${command.pid}\n`);
process.kill(process.pid, "SIGKILL");
