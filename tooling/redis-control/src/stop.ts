import { print } from "@lock/demo-kit";
import type { Command } from "./command.ts";
import { compose, hasContainers } from "./compose.ts";
import { placeOf } from "./instances.ts";
import { end } from "./local.ts";
import { findRunning } from "./state.ts";

const HELP = `pnpm redis:stop

Ends what redis:start has started, and nothing else. Data stays for the next start.

Exit code: 0 all of it has ended, 1 something still runs.`;

export const stop: Command = {
  name: "stop",
  help: HELP,
  options: {},
  async run() {
    const running = await findRunning();
    for (const instance of running) {
      await end(instance);
      print(`${instance.name}  ${placeOf(instance)}  stopped`);
    }
    if (await hasContainers()) return (await compose("stop")) === 0 ? 0 : 1;
    if (running.length === 0) print("nothing runs that redis:start has started");
    return 0;
  },
};
