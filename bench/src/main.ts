import { startRedis } from "@lock/redis-harness";
import { openIoredis5 } from "./contestants/clients.ts";
import { parseOptions } from "./options.ts";
import { describeMachine } from "./report/machine.ts";
import { save } from "./report/save.ts";
import { showTables } from "./report/tables.ts";
import { judge, showVerdicts } from "./report/verdict.ts";
import { runAll } from "./run.ts";

const options = parseOptions(process.argv.slice(2));
/** A load average above this disturbs the measurement. */
const QUIET = 0.5;
const begun = performance.now();

function say(line: string): void {
  const seconds = Math.round((performance.now() - begun) / 1_000);
  console.log(`[${String(seconds).padStart(3)} s] ${line}`);
}

await using server = await startRedis();
const control = await openIoredis5(server.url);
try {
  const machine = await describeMachine(control);
  console.log(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, Redis ${machine.redis}`);
  if (machine.load > QUIET)
    console.log(`Other programs are busy (load ${machine.load.toFixed(1)}): expect noise.`);
  console.log(
    Object.entries(machine.packages)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
  );
  const results = await runAll({ url: server.url, control, quick: options.quick, say }, options);
  const verdicts = judge(results);
  console.log(`\n${showTables(results)}\n\n${showVerdicts(verdicts)}\n`);
  const file = await save({ date: new Date().toISOString(), options, machine, results, verdicts });
  say(`written to ${file}`);
} finally {
  control.disconnect();
}
