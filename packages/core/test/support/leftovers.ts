import { expect } from "vitest";
import { eventually } from "../../src/testing/test-api.ts";
import type { TestClient } from "./clients.ts";

/**
 * After quiescence, and once the leases of the dead are over, only fence counters and the liveness of processes are
 * left of all locks, and each with an end.
 */
export async function expectNothingLeft(admin: TestClient, longestTtl: number): Promise<void> {
  const lockKeys = async () => (await admin.command("KEYS", "lock:*")) as string[];
  await eventually(
    "only counters are left",
    async () => ((await lockKeys()).every((key) => /:(fence|liveness)$/.test(key)) ? true : undefined),
    longestTtl + 12_000,
  );
  for (const key of await lockKeys()) {
    const left = Number(await admin.command("PTTL", key));
    // -2: it has just gone.
    expect(left === -2 || left > 0, `${key} has no end`).toBe(true);
  }
}
