import { askForLines, askServer } from "./ask.ts";
import type { RedisServer } from "./single.ts";

const KEYS_AT_ONCE = "10";

/** Moves a slot with all its keys from one master to another, the documented way (CLUSTER SETSLOT). */
export async function moveSlot(
  slot: number,
  from: RedisServer,
  to: RedisServer,
  masters: readonly RedisServer[],
): Promise<void> {
  if (from === to) return;
  const [source = "", target = ""] = await Promise.all([from, to].map(idOf));
  await setSlot(to, slot, "IMPORTING", source);
  await setSlot(from, slot, "MIGRATING", target);
  for (;;) {
    const keys = await askForLines(from.port, "CLUSTER", "GETKEYSINSLOT", String(slot), KEYS_AT_ONCE);
    if (keys.length === 0) break;
    await askServer(from.port, "MIGRATE", to.host, String(to.port), "", "0", "5000", "KEYS", ...keys);
  }
  // The new owner first: should this end half-way, the slot has an owner.
  for (const each of [to, from, ...masters.filter((master) => master !== from && master !== to)]) {
    await setSlot(each, slot, "NODE", target);
  }
}

async function idOf({ port }: RedisServer): Promise<string> {
  return (await askForLines(port, "CLUSTER", "MYID"))[0] ?? "";
}

async function setSlot({ port }: RedisServer, slot: number, ...what: string[]): Promise<void> {
  await askServer(port, "CLUSTER", "SETSLOT", String(slot), ...what);
}
