import type { LockState } from "@lock/core";
import type { Command } from "commander";
import { connect } from "../connection.ts";
import { readDuration, readWhole, showDuration } from "../durations.ts";
import { EXIT } from "../exit-codes.ts";
import { usage } from "../failure.ts";
import { nameOf, UNKNOWN } from "../output/describe.ts";
import { jsonLine } from "../output/json.ts";
import { printable } from "../output/printable.ts";
import { colours, print } from "../output/screen.ts";
import { type Column, Table } from "../output/table.ts";
import type { GlobalFlags } from "../target.ts";
import { define } from "./define.ts";
import { Repeat } from "./repeat.ts";

interface TopFlags extends GlobalFlags {
  readonly for: number;
  readonly interval: number;
  readonly limit: number;
}

/** What was seen of one key that was waited for. */
interface Seen {
  readonly key: string;
  /** Waiters, summed over all looks. */
  sum: number;
  most: number;
  readonly holders: Set<string>;
  last: LockState;
}

const COLUMNS = {
  key: { title: "KEY", width: 12, grows: 3 },
  average: { title: "WAITERS", width: 7, right: true },
  most: { title: "MOST", width: 5, right: true },
  leases: { title: "LEASES", width: 6, right: true },
  holder: { title: "LAST HOLDER", width: 12, grows: 2, rank: 1 },
} satisfies Record<string, Column>;

export function defineTop(program: Command): void {
  define<TopFlags, [string | undefined]>(program, {
    name: "top [pattern]",
    summary: "show the keys that most wait for",
    about: `Looks at all keys again and again, and shows those that most wait for: WAITERS is the average
number of waiters, MOST the largest, LEASES how many different leases were seen.

This is a sample: what begins and ends between two looks is not seen, and a key that changes its
holder often has had more leases than were seen. Metrics count all of them.`,
    examples: [
      ["lock top", "ten seconds, twenty rows"],
      ["lock top 'order:*' --for 1m --interval 100ms", "longer, and closer"],
    ],
    act: top,
  })
    .option("--for <duration>", "how long to look", readDuration, 10_000)
    .option("--interval <duration>", "how often to look", readDuration, 500)
    .option("--limit <n>", "at most n rows", readWhole(1, 100_000), 20);
}

async function top(flags: TopFlags, match = "*"): Promise<number> {
  if (flags.interval < 50) throw usage(`--interval must be at least 50ms, got ${flags.interval} ms`);
  await using connection = await connect(flags);
  using repeat = new Repeat(flags.interval);
  const seen = new Map<string, Seen>();
  let looks = 0;
  const begun = performance.now();
  for await (const _ of repeat.rounds(flags.for)) {
    for await (const state of connection.locks.list({ match })) note(seen, state);
    looks += 1;
  }
  const rows = [...seen.values()].sort((a, b) => b.sum - a.sum || b.most - a.most).slice(0, flags.limit);
  await show(rows, looks, performance.now() - begun, flags);
  return repeat.exitCode ?? EXIT.ok;
}

/** A key is remembered from the first waiter on. */
function note(seen: Map<string, Seen>, state: LockState): void {
  const { key, waiting, holders } = state;
  const before = seen.get(key);
  if (before === undefined && waiting === 0) return;
  const entry = before ?? { key, sum: 0, most: 0, holders: new Set<string>(), last: state };
  entry.sum += waiting;
  entry.most = Math.max(entry.most, waiting);
  entry.last = state;
  for (const { token, fencingToken } of holders) entry.holders.add(`${token} ${fencingToken}`);
  seen.set(key, entry);
}

async function show(rows: readonly Seen[], looks: number, ms: number, { json }: TopFlags): Promise<void> {
  const described = rows.map(({ key, sum, most, holders, last }) => {
    return { key, waiters: sum / looks, most, leases: holders.size, holder: last.holders[0]?.holder };
  });
  if (json) {
    await print(jsonLine({ looks, duration: Math.round(ms), keys: described }));
    return;
  }
  const table = new Table(COLUMNS);
  if (rows.length > 0) await print(colours.bold(table.header));
  for (const { key, waiters, most, leases, holder } of described) {
    const name = leases === 0 ? UNKNOWN : nameOf({ holder });
    const cells = { average: waiters.toFixed(1), most: String(most), leases: String(leases), holder: name };
    await print(table.row({ key: printable(key), ...cells }));
  }
  const none = rows.length === 0 ? "nobody waited; " : "";
  await print(colours.dim(`${none}a sample: ${looks} looks in ${showDuration(ms)}`));
}
