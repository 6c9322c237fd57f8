import { execFileSync } from "node:child_process";
import { fstatSync } from "node:fs";
import { statOf } from "./group.ts";

/** The process group of a process, and the one that has its terminal now; -1 where it has none. */
function groupsOf(pid: number): { readonly group: number; readonly foreground: number } {
  const stat = statOf(pid);
  if (stat !== undefined) return stat;
  try {
    const said = execFileSync("ps", ["-o", "pgid=,tpgid=", "-p", String(pid)], { encoding: "utf8" });
    const [group = -1, foreground = -1] = said.trim().split(/\s+/).map(Number);
    return { group, foreground };
  } catch {
    return { group: -1, foreground: -1 };
  }
}

/** The group that has our terminal; -1 where we have none. */
export function foregroundGroup(): number {
  const { foreground } = groupsOf(process.pid);
  return foreground > 0 ? foreground : -1;
}

/** Whether what is typed at our terminal comes to us. */
export function isForeground(): boolean {
  const { group, foreground } = groupsOf(process.pid);
  return group > 0 && group === foreground;
}

/**
 * Whether the command is to have the terminal: it is typed to us, and no other program of a pipeline, such as a pager,
 * may need it beside the command.
 */
export function hasTerminal(): boolean {
  return process.stdin.isTTY === true && !isPipe(1) && isForeground();
}

function isPipe(descriptor: number): boolean {
  try {
    const stat = fstatSync(descriptor);
    return stat.isFIFO() || stat.isSocket();
  } catch {
    return false;
  }
}
