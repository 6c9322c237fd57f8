import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Sends a signal to all processes of a group; whether there are any. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    // Those of another user cannot be reached, and are there all the same.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether anything of a group still runs. */
export function isAlive(group: number): boolean {
  return signalGroup(group, 0) && !isDefunct(group);
}

/** Whether all that is left of a group has ended, and waits for a parent that does not ask: so it is in many containers. */
function isDefunct(group: number): boolean {
  try {
    const members = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => statOf(pid) ?? [])
      .filter((stat) => stat.group === group);
    return members.length > 0 && members.every(({ state }) => state === "Z" || state === "X");
  } catch {
    return false;
  }
}

/** What Linux says of a process; undefined where there is none, or no such file. */
export function statOf(pid: string | number) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name of the program stands in brackets, and may have any characters.
    const [state = "", , group, , , foreground] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state, group: Number(group), foreground: Number(foreground) };
  } catch {
    return undefined;
  }
}

/** Asks all processes of a group to end. */
export function askGroup(group: number): void {
  signalGroup(group, "SIGTERM");
  // A process that is stopped hears it only then.
  signalGroup(group, "SIGCONT");
}

const POLL = 20;

/** Ends what is left of a group: SIGTERM, and SIGKILL when `grace` ms are over. Resolves when it is gone. */
export async function endGroup(group: number, grace: number): Promise<void> {
  if (!isAlive(group)) return;
  if (grace > 0) askGroup(group);
  const until = performance.now() + grace;
  while (isAlive(group)) {
    if (performance.now() >= until) signalGroup(group, "SIGKILL");
    await sleep(POLL);
  }
}
