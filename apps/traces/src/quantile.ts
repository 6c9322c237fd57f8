import type { Histogram } from "./otlp.ts";

/** As `histogram_quantile` of Prometheus estimates it: evenly within a bucket. Never outside of what was measured. */
export function quantile(share: number, { counts, bounds, least, most }: Histogram): number {
  const wanted = share * counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const [from, to] = [bounds[index - 1] ?? 0, bounds[index] ?? most];
      const estimate = from + ((to - from) * (wanted - below)) / count;
      return Math.min(most, Math.max(least, estimate));
    }
    below += count;
  }
  return most;
}
