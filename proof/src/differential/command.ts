import { startRedis } from "@lock/redis-harness";
import { compareNumbers, compareOne, type Difference, openWasmoon, realServer } from "@lock/simulation";
import { Redis } from "ioredis";
import { type Command, readCount, readFlags } from "../command.ts";
import { keepResult } from "../keep-result.ts";

const HELP = `pnpm prove differential [--count N]

Runs random sequences of commands on the simulated server and on a real one,
and compares each reply, and each key afterwards.

  --count N  how many sequences; default 20000. With it, nothing is kept in
             proof/results`;

/** So often it says how far it is. */
const STEP = 2_000;

export const differential: Command = {
  name: "differential",
  summary: "compares the simulated server with a real one, command by command",
  run: proveDifferential,
};

/** @throws UsageError */
async function proveDifferential(args: readonly string[]): Promise<number> {
  const flags = { count: { type: "string" }, help: { type: "boolean" } } as const;
  const { count: asked, help } = readFlags(args, flags, HELP);
  if (help) {
    console.log(HELP);
    return 0;
  }
  const count = readCount("count", asked ?? "20000", 1);
  const server = await startRedis();
  const client = new Redis(server.url, { protocol: 2 });
  try {
    const [, version = "unknown"] = /redis_version:(\S+)/.exec(await client.info("server")) ?? [];
    const differences = await compareAll(count, client);
    if (asked === undefined)
      await keepResult("differential", { server: `Redis ${version}`, sequences: count, differences });
    console.log(`${count} sequences on Redis ${version}: ${differences.length} differences`);
    for (const { seed, command, model, real } of differences.slice(0, 20)) {
      console.log(
        `✗ sequence ${seed}: ${JSON.stringify(command)}\n  simulated ${model}\n  real      ${real}`,
      );
    }
    return differences.length === 0 ? 0 : 1;
  } finally {
    client.disconnect();
    await server.stop();
  }
}

async function compareAll(count: number, client: Redis): Promise<Difference[]> {
  const vm = await openWasmoon();
  const real = realServer(client);
  const differences = await compareNumbers(vm, real);
  for (let seed = 1; seed <= count; seed++) {
    differences.push(...(await compareOne(seed, vm, real)));
    if (seed % STEP === 0) console.error(`${seed} of ${count} sequences, ${differences.length} differences`);
  }
  return differences;
}
