import type { LockState } from "@lock/core";

/** How many keys a view looks at that has to know all of them. */
export const MOST_ROWS = 1_000;

export const ORDERS = ["key", "waiting", "held", "left"] as const;
export type Order = (typeof ORDERS)[number];

/** The first ones, without asking for more. */
export async function* upTo<Value>(values: AsyncIterable<Value>, most: number): AsyncIterable<Value> {
  let seen = 0;
  for await (const value of values) {
    yield value;
    seen += 1;
    if (seen >= most) return;
  }
}

/** What most needs attention comes first; equal ones by their keys. */
export function sorted(states: readonly LockState[], order: Order): LockState[] {
  const rank = RANKS[order];
  return states.toSorted((a, b) => rank(a) - rank(b) || compare(a.key, b.key));
}

const RANKS: Record<Order, (state: LockState) => number> = {
  key: () => 0,
  waiting: ({ waiting }) => -waiting,
  held: ({ holders: [first] }) => first?.since?.getTime() ?? Number.MAX_SAFE_INTEGER,
  left: ({ holders: [first] }) => first?.remaining ?? Number.MAX_SAFE_INTEGER,
};

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
