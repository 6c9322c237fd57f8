import { appendFile, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lease } from "@lock/core";
import { nameOf } from "./messages.ts";

/** What a line shows in place of a fencing token when there was no lock. */
export const NO_FENCE = "-";

/**
 * Reads the last number, thinks, appends the next one: what is read may be outdated by the time of the write,
 * unless a lease keeps all others away in between. Resolves with the number written.
 */
export async function writeNextLine(file: string, writer: number, lease: Lease | undefined): Promise<number> {
  const line = (await lastNumber(file)) + 1;
  // Awaits that can take a signal get the lease's: there is no point in working on when it is lost.
  await sleep(thinkingTime(), undefined, { signal: lease?.signal });
  // The last look before the effect. A resource that checks fencing tokens closes even the gap after it.
  lease?.assertHeld();
  await appendFile(file, `${line} ${nameOf(writer)} ${lease?.fencingToken ?? NO_FENCE}\n`);
  return line;
}

async function lastNumber(file: string): Promise<number> {
  const text = await readFile(file, "utf8");
  return Number(text.trimEnd().split("\n").at(-1)?.split(" ")[0]);
}

/** 2 to 12 ms. */
function thinkingTime(): number {
  return 2 + Math.random() * 10;
}
