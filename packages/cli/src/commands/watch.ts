import type { LockState, Locks } from "@lock/core";
import type { Command } from "commander";
import { connect } from "../connection.ts";
import { readDuration } from "../durations.ts";
import { EXIT } from "../exit-codes.ts";
import { usage } from "../failure.ts";
import { COLUMNS, cellsOf, nameOf } from "../output/describe.ts";
import { jsonLine } from "../output/json.ts";
import { LiveScreen } from "../output/live-screen.ts";
import { printable } from "../output/printable.ts";
import { colours, print } from "../output/screen.ts";
import { Table } from "../output/table.ts";
import type { GlobalFlags } from "../target.ts";
import { type Change, changes } from "./changes.ts";
import { define } from "./define.ts";
import { Repeat } from "./repeat.ts";
import { MOST_ROWS, sorted, upTo } from "./rows.ts";

interface WatchFlags extends GlobalFlags {
  readonly interval: number;
}

const SHORTEST_INTERVAL = 100;

export function defineWatch(program: Command): void {
  define<WatchFlags, [string | undefined]>(program, {
    name: "watch [pattern]",
    summary: "show live who holds what, and who waits",
    about: `A live table of the keys that are held; those that most wait for come first. Ctrl-C ends it, and
the terminal is as it was. It looks once in an interval, at no more than ${MOST_ROWS} keys: what is
shorter than that is not seen. Without a terminal, or with --json, one line for each change.`,
    examples: [
      ["lock watch 'order:*'", "all orders"],
      ["lock watch report --interval 200ms --json", "one line of JSON per change"],
    ],
    act: watch,
  }).option("--interval <duration>", "how often to look", readDuration, 1_000);
}

async function watch(flags: WatchFlags, pattern = "*"): Promise<number> {
  if (flags.interval < SHORTEST_INTERVAL) {
    throw usage(`--interval must be at least ${SHORTEST_INTERVAL}ms, got ${flags.interval} ms`);
  }
  await using connection = await connect(flags);
  const { locks } = connection;
  const isLive = process.stdout.isTTY === true && !flags.json;
  using repeat = new Repeat(flags.interval);
  if (isLive) await showLive(locks, pattern, repeat);
  else await tellChanges(locks, pattern, repeat, flags.json === true);
  return repeat.exitCode ?? EXIT.ok;
}

/** What is held now; whether there is more than that. */
async function look(locks: Locks, pattern: string): Promise<{ states: LockState[]; isCut: boolean }> {
  if (!pattern.includes("*")) {
    const state = await locks.inspect(pattern);
    return { states: state === null ? [] : [state], isCut: false };
  }
  const found = new Map<string, LockState>();
  let isCut = false;
  for await (const state of upTo(locks.list({ match: pattern }), MOST_ROWS + 1)) {
    isCut = found.size >= MOST_ROWS;
    if (!isCut) found.set(state.key, state);
  }
  return { states: [...found.values()], isCut };
}

async function showLive(locks: Locks, pattern: string, repeat: Repeat): Promise<void> {
  using screen = new LiveScreen();
  for await (const _ of repeat.rounds()) {
    const { states, isCut } = await look(locks, pattern);
    const table = new Table(COLUMNS);
    const room = screen.rows - 3;
    const rows = sorted(states, "waiting").map((state) => table.row(cellsOf(state)));
    const more = rows.length > room ? `, ${rows.length - room} more below` : "";
    const many = isCut
      ? `the first ${MOST_ROWS} keys`
      : `${rows.length} ${rows.length === 1 ? "key" : "keys"}`;
    const title = `${printable(pattern)}: ${many}${more}. ${new Date().toTimeString().slice(0, 8)}. Ctrl-C ends.`;
    screen.draw([colours.dim(title), colours.bold(table.header), ...rows.slice(0, room)]);
  }
}

async function tellChanges(locks: Locks, pattern: string, repeat: Repeat, json: boolean): Promise<void> {
  let before: ReadonlyMap<string, LockState> = new Map();
  for await (const _ of repeat.rounds()) {
    const { states } = await look(locks, pattern);
    const now = new Map(states.map((state) => [state.key, state]));
    // A key that was found before, and not now, may be one of too many.
    for (const [key] of before) {
      const state = now.has(key) ? null : await locks.inspect(key);
      if (state !== null) now.set(key, state);
    }
    for (const change of changes(before, now)) await print(json ? jsonLine(change) : describe(change));
    before = now;
  }
}

function describe({ event, at, key, state }: Change): string {
  const holders = state?.holders.map(nameOf).join(", ");
  const what = [holders && `by ${holders}`, state && state.waiting > 0 && `${state.waiting} waiting`];
  return [at, event, printable(key), ...what.filter(Boolean)].join("  ");
}
