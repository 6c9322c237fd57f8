import type { HolderState, LockState, WaiterState } from "../../contract/admin.ts";

/** What a majority of nodes says of a key, from what each of them says; null when nobody holds it or waits for it. */
export function mergeStates(states: readonly (LockState | null)[], majority: number): LockState | null {
  const known = states.flatMap((state) => (state === null ? [] : [state]));
  const [first] = known;
  if (first === undefined) return null;
  const holders = heldBy(known, majority);
  const waiters = waitersOf(known, holders);
  if (holders.length === 0 && waiters.length === 0) return null;
  return {
    key: first.key,
    mode: (holders.length > 0 ? first.mode : waiters[0]?.mode) ?? first.mode,
    permits: undefined,
    holders,
    holding: holders.length,
    waiters,
    waiting: waiters.length,
  };
}

/** Those who hold it at a majority. */
function heldBy(states: readonly LockState[], majority: number): HolderState[] {
  const byToken = new Map<string, HolderState[]>();
  for (const holder of states.flatMap(({ holders }) => holders)) {
    byToken.set(holder.token, [...(byToken.get(holder.token) ?? []), holder]);
  }
  return [...byToken.values()].flatMap((parts) => {
    const [first] = parts;
    if (first === undefined || parts.length < majority) return [];
    const remaining = parts.map((part) => part.remaining ?? Number.POSITIVE_INFINITY).sort((a, b) => b - a)[
      majority - 1
    ];
    return [{ ...first, remaining: Number.isFinite(remaining) ? remaining : undefined }];
  });
}

/** Those who wait, at whatever node they stand in line. */
function waitersOf(states: readonly LockState[], holders: readonly HolderState[]): WaiterState[] {
  const isHolder = new Set(holders.map(({ token }) => token));
  const waiters = new Map<string, WaiterState>();
  for (const waiter of states.flatMap((state) => state.waiters)) {
    if (!isHolder.has(waiter.token)) waiters.set(waiter.token, waiter);
  }
  return [...waiters.values()];
}
