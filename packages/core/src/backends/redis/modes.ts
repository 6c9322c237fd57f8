import type { WaiterState } from "../../contract/admin.ts";
import type { LockMode } from "../../contract/mode.ts";

/** In the scripts slot 0 is any that is free. */
const ANY_SLOT = 0;

/**
 * A mode as the scripts read it: see fence.lua. `part`: how many keys a request has, or which of them it is; `waiters`: how
 * many wait together by a request for one key.
 */
export function writeMode(mode: LockMode, part?: number, waiters?: number): string {
  if (mode.kind === "permits") {
    const { permits, slot } = mode;
    if (slot === undefined) return `p${permits}`;
    return `p${permits}:${slot === "any" ? ANY_SLOT : slot}`;
  }
  const letter = mode.kind === "exclusive" ? "x" : "s";
  return part === undefined ? `${letter}${waiters ?? ""}` : `${letter}+${part}`;
}

export function readKind(text: string | undefined): LockMode["kind"] | undefined {
  switch (text?.[0]) {
    case "x":
      return "exclusive";
    case "s":
      return "shared";
    case "p":
      return "permits";
    default:
      return undefined;
  }
}

/** What is shown of a waiter's mode. */
export function readMode(text: string): Pick<WaiterState, "mode" | "slot"> {
  const [, digits] = text.split(":");
  const slot = digits === undefined ? undefined : Number(digits);
  return { mode: readKind(text) ?? "exclusive", slot: slot === ANY_SLOT ? "any" : slot };
}
