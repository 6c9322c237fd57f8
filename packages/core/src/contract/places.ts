/** Puts waiters into the order of their places: who takes one that others had comes in front of those who came since. */
export function sortByPlace<W>(waiters: Map<string, W>, placeOf: (waiter: W) => number): void {
  const sorted = [...waiters].toSorted(([, a], [, b]) => placeOf(a) - placeOf(b));
  waiters.clear();
  for (const [token, waiter] of sorted) waiters.set(token, waiter);
}
