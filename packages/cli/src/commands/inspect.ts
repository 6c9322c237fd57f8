import type { Command } from "commander";
import { connect } from "../connection.ts";
import { EXIT } from "../exit-codes.ts";
import { describeState } from "../output/describe.ts";
import { jsonLine } from "../output/json.ts";
import { quoted } from "../output/printable.ts";
import { print, printWrapped } from "../output/screen.ts";
import type { GlobalFlags } from "../target.ts";
import { define } from "./define.ts";

export function defineInspect(program: Command): void {
  define<GlobalFlags, [string]>(program, {
    name: "inspect <key>",
    summary: "show who holds a key, and who waits for it",
    about: `Shows who holds a key, since when and for how long, its fencing token and facts, and who waits.
A token is shown by its first characters, which lock release --token takes.`,
    examples: [
      ["lock inspect order:42", "who holds it"],
      ["lock inspect order:42 --json | jq .holders", "for programs; holding is 0 where nobody holds it"],
    ],
    async act(flags, key) {
      await using connection = await connect(flags);
      const state = await connection.locks.inspect(key);
      if (flags.json)
        await print(jsonLine(state ?? { key, holders: [], holding: 0, waiters: [], waiting: 0 }));
      else if (state === null) await printWrapped([`nobody holds ${quoted(key)}, and nobody waits for it`]);
      else await printWrapped(describeState(state));
      return EXIT.ok;
    },
  });
}
