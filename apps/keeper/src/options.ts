import { DemoError, parseOptions, quoted, readWhole } from "@lock/demo-kit";
import type { Fate } from "./history.ts";

export interface Options {
  /** What is done to the leader, one after another. */
  readonly fates: readonly Fate[];
  /** Milliseconds between two ticks. */
  readonly every: number;
  readonly help: boolean;
}

export const HELP = `Two instances of a scheduled keeper use three independent Redis nodes. One
instance leads and runs every tick. The other one stands by, and takes over when
the leader is killed, paused or cut off.

  pnpm demo keeper [options]

  --fault NAME  only kill, only pause or only partition (default: all three)
  --every MS    the time between two ticks, 1500 to 3000 ms (default 2000)
  --help        show this

It starts three nodes of its own.

Exit code: 0 if no two keepers believed at once that they lead, no tick was
written twice, fencing tokens grew, the standby took over each time, and the
late write of the paused leader was refused. Otherwise 1.`;

const FATES: Partial<Record<string, readonly Fate[]>> = {
  all: ["killed", "paused", "partitioned"],
  kill: ["killed"],
  pause: ["paused"],
  partition: ["partitioned"],
};

/** @throws DemoError */
export function readOptions(argv: readonly string[]): Options {
  const values = parseOptions("keeper", argv, {
    fault: { type: "string" },
    every: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  return {
    fates: readFault(values.fault ?? "all"),
    every: readWhole("--every", values.every, { byDefault: 2_000, least: 1_500, most: 3_000 }),
    help: values.help === true,
  };
}

function readFault(name: string): readonly Fate[] {
  const fates = Object.hasOwn(FATES, name) ? FATES[name] : undefined;
  if (fates !== undefined) return fates;
  throw new DemoError(`--fault must be kill, pause or partition, got ${quoted(name)}`);
}
