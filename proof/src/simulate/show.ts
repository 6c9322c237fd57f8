import type { Summary } from "@lock/simulation";

/** A summary as lines of at most 80 columns. */
export function showSummary(summary: Summary): string {
  const { histories, operations, grants, faults, faultsInUse, unpromisedOverlaps, failed } = summary;
  const share = faults === 0 ? 0 : Math.round((faultsInUse / faults) * 100);
  const lines = [
    `${histories} histories, ${operations} operations, ${grants} grants`,
    `${faults} faults, of which ${faultsInUse} (${share} %) struck while a lease was held there`,
    ...Object.entries(summary.faultsByKind).map(([kind, count]) => `  ${kind.padEnd(18)} ${count}`),
    `${unpromisedOverlaps} overlaps where a single server had lost data, or its clock was set`,
  ];
  if (failed.length === 0) return [...lines, "no promise was broken"].join("\n");
  const shown = failed.slice(0, 20).map(({ seed, profile, first }) => {
    return `✗ ${first.promise}: ${first.text}\n  pnpm prove simulate --seed ${seed} --profile ${profile} --shrink`;
  });
  return [...lines, `${failed.length} histories broke a promise:`, ...shown].join("\n");
}
