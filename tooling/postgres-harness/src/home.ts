import { chown, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { guard, release } from "@lock/redis-harness/host";
import type { Account } from "./account.ts";

/** The temp directory of one server: its log, and its data in a directory inside. */
export interface Home {
  readonly directory: string;
  readonly data: string;
  readonly log: string;
  /** Whose it is, if not this process's user's. */
  readonly account: Account | undefined;
}

export async function createHome(account: Account | undefined): Promise<Home> {
  // The watchdog compares with /proc, which reports real paths.
  const directory = await mkdtemp(join(await realpath(tmpdir()), "lock-postgres-"));
  guard({ home: directory });
  if (account !== undefined) await chown(directory, account.uid, account.gid);
  return { directory, data: join(directory, "data"), log: join(directory, "postgres.log"), account };
}

export async function removeHome({ directory }: Home): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  release(directory);
}
