import { print } from "@lock/demo-kit";
import { findRedisServer } from "@lock/redis-harness";
import { type Command, ControlError } from "./command.ts";
import { compose, hasContainers } from "./compose.ts";
import { placeOf } from "./instances.ts";
import { end, launch } from "./local.ts";
import { findRunning } from "./state.ts";

const HELP = `pnpm redis:restart

Restarts what redis:start has started, one after the other, on the same ports
and with the same data. REDIS_PASSWORD is the password that clients have to give
from then on.

Exit code: 0 it runs, 1 it does not run, or nothing ran.`;

export const restart: Command = {
  name: "restart",
  help: HELP,
  options: {},
  async run() {
    const running = await findRunning();
    const binary = running.length > 0 ? await findRedisServer() : "";
    for (const instance of running) {
      await end(instance);
      await launch(instance, binary, process.env.REDIS_PASSWORD || undefined);
      print(`${instance.name}  ${placeOf(instance)}  restarted`);
    }
    if (await hasContainers()) return (await compose("restart")) === 0 ? 0 : 1;
    if (running.length === 0) throw new ControlError("nothing runs that redis:start has started");
    return 0;
  },
};
