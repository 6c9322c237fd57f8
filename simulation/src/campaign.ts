import { overlaps } from "./check/exclusion.ts";
import type { Vm } from "./lua/vm.ts";
import type { Promised, Violation } from "./run/history.ts";
import { play } from "./run/run.ts";
import { type Profile, profileOf, storyOf } from "./story/seeds.ts";
import type { Fault } from "./story/story.ts";

/** What came of a range of seeds. */
export interface Summary {
  histories: number;
  operations: number;
  grants: number;
  /** By how their acquires ended. */
  readonly ends: Record<string, number>;
  faults: number;
  /** Of these, how many struck where somebody held a lease. */
  faultsInUse: number;
  readonly faultsByKind: Partial<Record<Fault["kind"], number>>;
  /** Where two were let in since a single server had lost data, or its clock was set: promise 1 does not hold there. */
  unpromisedOverlaps: number;
  readonly violations: Partial<Record<Promised, number>>;
  /** Seeds with violations. */
  readonly failed: { readonly seed: number; readonly profile: Profile; readonly first: Violation }[];
}

export interface CampaignOptions {
  readonly vm: Vm;
  readonly from: number;
  readonly to: number;
  /** Default: of each seed its own. */
  readonly profile?: Profile | undefined;
}

export function emptySummary(): Summary {
  return {
    histories: 0,
    operations: 0,
    grants: 0,
    ends: {},
    faults: 0,
    faultsInUse: 0,
    faultsByKind: {},
    unpromisedOverlaps: 0,
    violations: {},
    failed: [],
  };
}

/** Plays the stories of a range of seeds, one after the other. */
export async function campaign({ vm, from, to, profile }: CampaignOptions): Promise<Summary> {
  const summary = emptySummary();
  const { stackTraceLimit } = Error;
  // Nobody reads where the many errors of histories come from, and to find it out takes long.
  Error.stackTraceLimit = 0;
  try {
    for (let seed = from; seed <= to; seed++) {
      await playOne(summary, vm, seed, profile ?? profileOf(seed));
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return summary;
}

async function playOne(summary: Summary, vm: Vm, seed: number, profile: Profile): Promise<void> {
  const { history, violations } = await play(storyOf(seed, profile), vm);
  const { attempts, struck, story } = history;
  summary.histories += 1;
  summary.operations += story.operations.length;
  for (const { end = "killed" } of attempts) count(summary.ends, end);
  summary.grants += attempts.filter(({ end }) => end === "granted").length;
  summary.faults += struck.length;
  summary.faultsInUse += struck.filter(({ hitLease }) => hitLease).length;
  for (const { fault } of struck) count(summary.faultsByKind, fault.kind);
  for (const { promise } of violations) count(summary.violations, promise);
  if (profile === "unsafe") summary.unpromisedOverlaps += overlaps(history).length;
  const [first] = violations;
  if (first !== undefined) summary.failed.push({ seed, profile, first });
}

function count<Name extends string>(counts: Partial<Record<Name, number>>, name: Name): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

/** What two ranges came to together. */
export function merge(a: Summary, b: Summary): Summary {
  const together = <Name extends string>(
    one: Partial<Record<Name, number>>,
    other: Partial<Record<Name, number>>,
  ): Record<Name, number> => {
    const sums = { ...one };
    for (const [name, value] of Object.entries<number | undefined>(other) as [Name, number][]) {
      sums[name] = (sums[name] ?? 0) + value;
    }
    return sums as Record<Name, number>;
  };
  return {
    histories: a.histories + b.histories,
    operations: a.operations + b.operations,
    grants: a.grants + b.grants,
    ends: together(a.ends, b.ends),
    faults: a.faults + b.faults,
    faultsInUse: a.faultsInUse + b.faultsInUse,
    faultsByKind: together(a.faultsByKind, b.faultsByKind),
    unpromisedOverlaps: a.unpromisedOverlaps + b.unpromisedOverlaps,
    violations: together(a.violations, b.violations),
    failed: [...a.failed, ...b.failed],
  };
}
