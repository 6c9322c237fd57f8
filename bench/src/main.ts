import { resolve } from "node:path";
import { startRedis } from "@lock/redis-harness";
import { folderOf, thisFolder } from "./against/builds.ts";
import { measureAgainst } from "./against/measure.ts";
import { INSTRUMENTED, judgeComparisons, REBUILT, showComparisons } from "./against/report.ts";
import { takeBeside } from "./contestants/beside.ts";
import { openIoredis5 } from "./contestants/clients.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import type { Verdict } from "./report/compare.ts";
import { describeMachine } from "./report/machine.ts";
import { save } from "./report/save.ts";
import { showTables } from "./report/tables.ts";
import { judge, showVerdicts } from "./report/verdict.ts";
import { runAll } from "./run.ts";
import type { Bench } from "./workloads/workload.ts";

/** A load average above this disturbs the measurement. */
const QUIET = 0.5;
const begun = performance.now();

/** What was measured, for machines, and what is shown of it. */
interface Measured {
  readonly results: object;
  readonly tables: string;
  readonly verdicts: readonly Verdict[];
}

function say(line: string): void {
  const seconds = Math.round((performance.now() - begun) / 1_000);
  console.log(`[${String(seconds).padStart(3)} s] ${line}`);
}

async function run(options: Options): Promise<void> {
  const measure = await measurement(options);
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
    const { results, tables, verdicts } = await measure({
      url: server.url,
      control,
      quick: options.quick,
      say,
    });
    console.log(`\n${tables}\n\n${showVerdicts(verdicts)}\n`);
    const file = await save({ date: new Date().toISOString(), options, machine, results, verdicts });
    say(`written to ${file}`);
  } finally {
    control.disconnect();
  }
}

/** What the options ask for; what is wrong with them is said before anything is started. */
async function measurement(options: Options): Promise<(bench: Bench) => Promise<Measured>> {
  const { against, instrumented, rounds } = options;
  if (options.beside !== undefined) takeBeside(options.beside);
  if (against === undefined) {
    return async (bench) => {
      const results = await runAll(bench, options);
      return { results, tables: showTables(results), verdicts: judge(results) };
    };
  }
  // pnpm changes to the folder of the package; what is relative is so to where it was called.
  const folder = await folderOf(resolve(process.env.INIT_CWD ?? "", against));
  const builds = {
    mine: { folder: thisFolder, instrumented },
    theirs: { folder, instrumented: false },
  };
  return async (bench) => {
    const results = await measureAgainst(bench, builds, rounds);
    return {
      results,
      tables: showComparisons(results),
      verdicts: judgeComparisons(results, instrumented ? INSTRUMENTED : REBUILT),
    };
  };
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === "help") console.log(USAGE);
  else await run(options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
