import type { LockState } from "@lock/core";
import { type Command, Option } from "commander";
import { connect } from "../connection.ts";
import { readWhole } from "../durations.ts";
import { EXIT } from "../exit-codes.ts";
import { COLUMNS, cellsOf } from "../output/describe.ts";
import { jsonLine } from "../output/json.ts";
import { colours, print } from "../output/screen.ts";
import { Table } from "../output/table.ts";
import type { GlobalFlags } from "../target.ts";
import { define } from "./define.ts";
import { MOST_ROWS, ORDERS, type Order, sorted, upTo } from "./rows.ts";

interface ListFlags extends GlobalFlags {
  readonly sort?: Order;
  readonly limit?: number;
}

export function defineList(program: Command): void {
  define<ListFlags, [string | undefined]>(program, {
    name: "ls [pattern]",
    summary: "list the keys that are held",
    about: `Lists the keys that are held, as they are found, in no order: * in the pattern stands for any
characters, all else is literal. --sort looks at the first ${MOST_ROWS} keys, and says so where
there are more. With --json, one line for each key.`,
    examples: [
      ["lock ls", "all keys that are held"],
      ["lock ls 'order:*' --sort waiting", "the orders that most wait for"],
      ["lock ls --json | jq -r 'select(.waiting > 10).key'", "for programs"],
    ],
    act: list,
  })
    .addOption(new Option("--sort <order>", "sort the rows").choices(ORDERS))
    .option("--limit <n>", "at most n rows", readWhole(1, 999_999_999));
}

async function list(flags: ListFlags, match = "*"): Promise<number> {
  await using connection = await connect(flags);
  const found = connection.locks.list({ match });
  const show = flags.json ? showJson : showRows();
  if (flags.sort === undefined) {
    const rows = upTo(found, flags.limit ?? Number.POSITIVE_INFINITY);
    for await (const state of rows) await show(state);
    return EXIT.ok;
  }
  const states: LockState[] = [];
  for await (const state of upTo(found, MOST_ROWS + 1)) states.push(state);
  const isCut = states.length > MOST_ROWS;
  for (const state of sorted(states.slice(0, MOST_ROWS), flags.sort).slice(0, flags.limit)) await show(state);
  if (isCut) {
    process.stderr.write(
      `lock: there are more keys: these are of the first ${MOST_ROWS} that were found; without --sort all are listed\n`,
    );
  }
  return EXIT.ok;
}

function showJson(state: LockState): Promise<void> {
  return print(jsonLine(state));
}

function showRows(): (state: LockState) => Promise<void> {
  const table = new Table(COLUMNS);
  let isFirst = true;
  return async (state) => {
    if (isFirst) await print(colours.bold(table.header));
    isFirst = false;
    await print(table.row(cellsOf(state)));
  };
}
