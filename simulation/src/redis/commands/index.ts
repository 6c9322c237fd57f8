import { hashCommands } from "./hashes.ts";
import { keyCommands } from "./keys.ts";
import { sortedSetCommands } from "./sorted-sets.ts";
import { stringCommands } from "./strings.ts";
import type { CommandTable } from "./types.ts";

const serverCommands: CommandTable = {
  TIME: {
    arity: 1,
    run: ({ now }) => [String(Math.floor(now / 1e6)), String(Math.floor(now % 1e6))],
  },
  PUBLISH: { arity: 3, run: ({ publish }, [channel = "", message = ""]) => publish(channel, message) },
  INFO: { arity: -1, run: ({ info }) => info() },
};

/** All that the scripts of the core call. */
export const COMMANDS: CommandTable = {
  ...keyCommands,
  ...stringCommands,
  ...hashCommands,
  ...sortedSetCommands,
  ...serverCommands,
};
