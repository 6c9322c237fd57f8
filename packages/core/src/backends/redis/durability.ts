import type { RedisDriver } from "./driver.ts";
import { readConfig, readInfo } from "./server-replies.ts";

/** Of a server that has always been its own master. */
const NOBODY_BEFORE = /^0+$/;

/**
 * Whether a server that has restarted has every write that it ever acknowledged: its append-only file is synced at each,
 * and it is no replica that took over from a master whose last writes it may not have had. A server that refuses to tell
 * counts as one that has not.
 */
export async function keepsEveryWrite(driver: RedisDriver): Promise<boolean> {
  try {
    const [told, replication] = await Promise.all([
      driver.command(["CONFIG", "GET", "append*"]),
      driver.command(["INFO", "replication"]),
    ]);
    const config = readConfig(told);
    const info = readInfo(replication);
    return (
      config.get("appendonly") === "yes" &&
      config.get("appendfsync") === "always" &&
      info.get("role") === "master" &&
      NOBODY_BEFORE.test(info.get("master_replid2") ?? "")
    );
  } catch {
    return false;
  }
}
