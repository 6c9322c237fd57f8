import { colours, print, printWhole } from "@lock/demo-kit";
import { findRedisServer } from "@lock/redis-harness";
import { type Command, readNumber, UsageError, type Values } from "./command.ts";
import { compose, hasCompose } from "./compose.ts";
import { type Instance, instancesOf, placeOf, settingsOf } from "./instances.ts";
import { end, launch } from "./local.ts";
import { type Running, recall, stateDirectory } from "./state.ts";

const HELP = `pnpm redis:start [--quorum] [--port <n>] [--no-docker]

Starts a Redis to develop with, and leaves it running. It uses Docker Compose if
there is Docker. Otherwise it starts redis-server processes, and installs
redis-server if it is missing. Their data and logs are in
$XDG_STATE_HOME/lock-redis (~/.local/state/lock-redis).

  --quorum     five independent nodes on 63791-63795, instead of one on 6379
  --port <n>   another port, or the first of five; not with Docker
  --no-docker  start redis-server processes even if there is Docker

REDIS_PASSWORD is the password that clients have to give. In Docker, the single
Redis has the password "lock" by default.

Exit code: 0 it runs, 1 it does not, 64 wrong options.`;

export const start: Command = {
  name: "start",
  help: HELP,
  options: {
    quorum: { type: "boolean" },
    port: { type: "string" },
    "no-docker": { type: "boolean" },
  },
  async run(values: Values) {
    const quorum = values.quorum === true;
    const port = readNumber(values, "port", 1, 65_535);
    const instances = instancesOf(quorum, port);
    if (instances.some((instance) => instance.port > 65_535)) {
      throw new UsageError("--port must leave room for five ports up to 65535");
    }
    const docker = port === undefined && values["no-docker"] !== true && (await hasCompose());
    return docker ? startContainers(instances) : startProcesses(instances);
  },
};

async function startContainers(instances: readonly Instance[]): Promise<number> {
  const code = await compose("up", "--detach", "--wait", ...instances.map(({ name }) => name));
  if (code !== 0) return 1;
  const byDefault = instances.length === 1 && !process.env.REDIS_PASSWORD ? " REDIS_PASSWORD=lock" : "";
  printSettings(instances, byDefault);
  return 0;
}

async function startProcesses(instances: readonly Instance[]): Promise<number> {
  const binary = await findRedisServer();
  const password = process.env.REDIS_PASSWORD || undefined;
  const started: Running[] = [];
  const all: Running[] = [];
  try {
    for (const instance of instances) {
      const known = await recall(instance.name);
      const running = known ?? (await launch(instance, binary, password));
      if (known === undefined) started.push(running);
      all.push(running);
      const state = known === undefined ? "started" : "runs already";
      print(`${running.name}  ${placeOf(running)}  ${state}  ${colours.dim(`pid ${running.pid}`)}`);
    }
  } catch (error) {
    // All or none: half a quorum is none.
    await Promise.all(started.map(end));
    throw error;
  }
  print(colours.dim(`data and logs: ${stateDirectory()}`));
  printSettings(all, "");
  return 0;
}

function printSettings(instances: readonly Instance[], password: string): void {
  const health = instances.length > 1 ? "redis:health --quorum" : "redis:health";
  printWhole(`\n  export ${settingsOf(instances)}${password}`);
  print(colours.dim(`  pnpm ${health} | redis:logs | redis:restart | redis:stop`));
}
