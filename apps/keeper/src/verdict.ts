import type { Fate, Fault, History, Reign } from "./history.ts";
import { LEAD_TTL_MS, nameOf } from "./messages.ts";
import type { Register } from "./register.ts";

/** What a machine that is busy with something else may add to the ttl. */
export const TOLERANCE_MS = 3_000;

/** Judges by what the keepers told of what they believed, and by what the register got. What is wrong, in words. */
export function judge(
  history: Pick<History, "reigns" | "faults" | "successor">,
  register: Pick<Register, "accepted" | "refused">,
  fates: readonly Fate[],
): string[] {
  const reigns = history.reigns.toSorted((a, b) => a.from - b.from);
  const checks = [
    ...overlaps(reigns),
    shrinking("of the lead", reigns),
    shrinking("of the register", register.accepted, "may repeat"),
    ...twice(register),
    ...fates.flatMap((fate) => {
      const fault = history.faults.find((candidate) => candidate.fate === fate);
      return fault === undefined
        ? [`no leader was ${fate}`]
        : ofFault(fault, history.successor(fault), register);
    }),
  ];
  return checks.filter((found) => found !== undefined);
}

function overlaps(reigns: readonly Reign[]): string[] {
  return reigns.flatMap((reign, index) => {
    const before = reigns.slice(0, index).filter(({ until }) => until > reign.from);
    const names = before.map(({ keeper }) => nameOf(keeper)).join(", ");
    return before.length === 0
      ? []
      : [`${nameOf(reign.keeper)} led while ${names} still believed that it leads`];
  });
}

function shrinking(
  where: string,
  tokens: readonly { readonly fence: number }[],
  repeat?: "may repeat",
): string | undefined {
  const least = repeat === undefined ? 1 : 0;
  const wrong = tokens.slice(1).filter(({ fence }, index) => fence < (tokens[index]?.fence ?? 0) + least);
  return wrong.length === 0 ? undefined : `fencing tokens ${where} that did not grow: ${wrong.length}`;
}

function twice({ accepted }: Pick<Register, "accepted">): string[] {
  const ticks = new Map<number, number>();
  for (const { tick } of accepted) ticks.set(tick, (ticks.get(tick) ?? 0) + 1);
  return [...ticks]
    .filter(([, times]) => times > 1)
    .map(([tick, times]) => `tick ${tick} was written ${times} times`);
}

function ofFault(
  { fate, keeper, at, fence }: Fault,
  next: Reign | undefined,
  { refused }: Pick<Register, "refused">,
): string[] {
  const name = nameOf(keeper);
  if (next === undefined) return [`nobody took over when ${name} was ${fate}`];
  const problems: string[] = [];
  const after = next.from - at;
  if (after > LEAD_TTL_MS + TOLERANCE_MS) {
    problems.push(`${nameOf(next.keeper)} took over only ${after.toFixed(0)} ms after ${name} was ${fate}`);
  }
  const isRefused = refused.some((write) => write.keeper === keeper && write.fence === fence);
  if (fate === "paused" && !isRefused) problems.push(`the late write of ${name} was not refused`);
  return problems;
}

/** The ticks between the first and the last that nobody ran. */
export function missedTicks({ accepted }: Pick<Register, "accepted">): number[] {
  const ticks = new Set(accepted.map(({ tick }) => tick));
  const [first, last] = [Math.min(...ticks), Math.max(...ticks)];
  return Array.from({ length: last - first + 1 }, (_, index) => first + index).filter(
    (tick) => !ticks.has(tick),
  );
}
