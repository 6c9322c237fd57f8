import type { LockState } from "@lock/core";

/** What became of a key between two looks at it. */
export interface Change {
  /** `changed`: other holders, or more or fewer waiters. */
  readonly event: "held" | "changed" | "freed";
  /** When it was seen. */
  readonly at: string;
  readonly key: string;
  readonly state?: LockState;
}

export function changes(
  before: ReadonlyMap<string, LockState>,
  now: ReadonlyMap<string, LockState>,
): readonly Change[] {
  const at = new Date().toISOString();
  const there = [...now].flatMap(([key, state]): Change[] => {
    const old = before.get(key);
    if (old === undefined) return [{ event: "held", at, key, state }];
    return mark(old) === mark(state) ? [] : [{ event: "changed", at, key, state }];
  });
  const gone = [...before.keys()].filter((key) => !now.has(key));
  return [...there, ...gone.map((key): Change => ({ event: "freed", at, key }))];
}

/** A lease that was prolonged is the same. */
function mark({ mode, holders, holding, waiting }: LockState): string {
  return JSON.stringify([
    mode,
    holders.map(({ token, fencingToken }) => [token, fencingToken]),
    holding,
    waiting,
  ]);
}
