import type { ClockOffset, NodeReport } from "./facts.ts";
import type { Finding } from "./finding.ts";

interface Told extends ClockOffset {
  readonly name: string;
}

/** This host's own clock, as one among the others. */
const HOST: Told = { name: "this host", ms: 0, uncertainty: 0 };

/**
 * The clocks that are too far from most of the others. An even number of servers may be of two minds, so this host's
 * clock joins them; a single server is compared with it.
 */
export function findingsOfClocks(reports: readonly NodeReport[], maxClockOffset: number): Finding[] {
  const told = reports.flatMap((report) => {
    const offset = report.status === "reachable" ? report.facts.clockOffset : undefined;
    return offset === undefined ? [] : [{ name: report.name, ...offset }];
  });
  const reference = told.length === 1 ? HOST : median(told.length % 2 === 0 ? [...told, HOST] : told);
  const to = told.length === 1 ? "this host's clock" : "the clocks of most";
  return told.flatMap((clock) => {
    const distance = clock.ms - reference.ms;
    if (Math.abs(distance) - clock.uncertainty - reference.uncertainty <= maxClockOffset) return [];
    return [finding(clock.name, distance, to)];
  });
}

function finding(node: string, distance: number, to: string): Finding {
  const by = Math.abs(distance) < 10_000 ? `${Math.round(Math.abs(distance))} ms` : seconds(distance);
  return {
    severity: "warning",
    code: "clock",
    node,
    found: `its clock is ${by} ${distance > 0 ? "ahead of" : "behind"} ${to}`,
    advice:
      "A clock that is set forward ends leases early, and one that is set back keeps them: let NTP keep it, and slew instead of step.",
  };
}

function seconds(ms: number): string {
  return `${Math.round(Math.abs(ms) / 1_000)} s`;
}

/** The middle one of an odd number. */
function median(clocks: readonly Told[]): Told {
  return clocks.toSorted((a, b) => a.ms - b.ms)[Math.floor(clocks.length / 2)] ?? HOST;
}
