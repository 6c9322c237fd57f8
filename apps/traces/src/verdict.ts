import { colours, found, print, sayVerdict } from "@lock/demo-kit";
import type { Series } from "./collector.ts";
import type { Span } from "./otlp.ts";
import { quantile } from "./quantile.ts";
import { showMs } from "./show-ms.ts";
import { isRoot } from "./trees.ts";
import type { Wait } from "./waits.ts";

/** What is wrong with what the services exported, in words. */
export function judge(spans: readonly Span[], waits: readonly Wait[]): string[] {
  const orphans = spans.filter((span) => span.parent !== undefined && isRoot(span, spans));
  const unexplained = waits.filter(({ ms, rest }) => rest > ms / 2);
  const strange = waits.filter(({ holder, held }) => held[0]?.service !== holder);
  return [
    found(orphans.length, "span", "came without its parent"),
    waits.length === 0 ? "no span tells of a wait" : undefined,
    found(unexplained.length, "wait", "is longer than the leases before it explain"),
    found(strange.length, "wait", "names another holder than the leases do"),
  ].filter((problem) => problem !== undefined);
}

/** Prints it, and what the spans and metrics say; answers the exit code. */
export function printVerdict(
  problems: readonly string[],
  waits: readonly Wait[],
  series: readonly Series[],
): number {
  if (problems.length > 0) {
    sayVerdict("bad", `BAD: ${problems.join("; ")}.`);
    return 1;
  }
  sayVerdict("good", `good: ${waits.map(readWait).join(" ")}`);
  print(`  ${readMetrics(series)}`);
  print(colours.dim("\n  A slower payment provider: pnpm demo traces --slow 4000"));
  return 0;
}

/** Such as "billing waited 1.21 s for order:42, because it was held by checkout for 1.21 s (payment provider). …" */
function readWait({ service, key, ms, held, rest }: Wait): string {
  const holders = held.map(({ service: who, ms: time, work }) => {
    return `${who} for ${showMs(time)}${work === undefined ? "" : ` (${work})`}`;
  });
  return `${service} waited ${showMs(ms)} for ${key}, because it was held by ${holders.join(", then by ")}. The other ${showMs(rest)} passed between leases.`;
}

/** Compares the usual acquire with the longest one: a slow backend would slow all of them. */
function readMetrics(series: readonly Series[]): string {
  const acquires = series.filter(({ metric }) => metric === "lock.acquire.duration");
  const [slowest] = acquires.toSorted((a, b) => (b.histogram?.most ?? 0) - (a.histogram?.most ?? 0));
  if (slowest?.histogram === undefined) return "No metric of an acquire was exported.";
  const [usual, most] = [quantile(0.5, slowest.histogram) * 1_000, slowest.histogram.most * 1_000];
  return `In the metrics of ${slowest.service}, the median acquire took ${showMs(usual)}, and the longest ${showMs(most)}: a slow Redis would slow both.`;
}
