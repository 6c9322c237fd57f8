/** For people: "12 ms", and "1.37 s" from a second on. */
export function showMs(ms: number): string {
  return Math.round(ms) < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}
