import { idOf, type Label } from "../contestants/contestant.ts";
import { type Entry, measuredOf } from "../workloads/workload.ts";

/** One requirement, and whether this run met it. */
export interface Verdict {
  readonly bar: string;
  readonly measured: string;
  readonly passed: boolean;
}

/** The verdicts on each of our contestants, named. */
export function ours<Measured>(
  entries: readonly Entry<Measured>[],
  workload: string,
  verdicts: (label: Label, measured: Measured) => Verdict[],
): Verdict[] {
  return entries
    .filter(({ label }) => label.family === "ours")
    .flatMap((entry) => {
      const title = `${workload}, ${idOf(entry.label)}`;
      if (!("measured" in entry)) return [{ bar: title, measured: entry.failure, passed: false }];
      return verdicts(entry.label, entry.measured).map((verdict) => ({
        ...verdict,
        bar: `${title}: ${verdict.bar}`,
      }));
    });
}

interface Rival<Measured> {
  readonly label: Label;
  readonly measured: Measured;
}

export function best<Measured>(
  entries: readonly Entry<Measured>[],
  score: (measured: Measured) => number,
  library = "",
) {
  const rivals = measuredOf(entries).filter(
    ({ label }) => label.family === "rival" && label.client.startsWith(library),
  );
  return rivals.reduce<Rival<Measured> | undefined>(
    (top, rival) => (top === undefined || score(rival.measured) > score(top.measured) ? rival : top),
    undefined,
  );
}

/** A verdict against the best rival; none where no rival was measured. */
export function against<Measured>(
  rival: Rival<Measured> | undefined,
  bar: string,
  compare: (rival: Measured) => Omit<Verdict, "bar">,
): Verdict[] {
  if (rival === undefined) return [];
  const { measured, passed } = compare(rival.measured);
  return [{ bar, measured: `${measured}, best rival ${idOf(rival.label)}`, passed }];
}
