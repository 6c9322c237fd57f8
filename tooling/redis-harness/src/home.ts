import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { guard, release } from "./watchdog.ts";

/** The temp directory of one server: its log, and its data in a directory inside. */
export type Home = string;

export async function createHome(): Promise<Home> {
  // Redis and /proc report real paths, and the temp dir of macOS is behind a symbolic link.
  const home = await mkdtemp(join(await realpath(tmpdir()), "lock-redis-"));
  guard({ home });
  await mkdir(dataOf(home));
  return home;
}

export function dataOf(home: Home): string {
  return join(home, "data");
}

export async function wipeData(home: Home): Promise<void> {
  await rm(dataOf(home), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  await mkdir(dataOf(home));
}

export async function removeHome(home: Home): Promise<void> {
  await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  release(home);
}
